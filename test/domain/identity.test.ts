import { describe, expect, it } from 'vitest';
import { incidentWorkflowId, unknownTarget } from '../../src/domain/identity.js';

describe('the workflow id of an incident', () => {
  it.each([
    ['production', 'incident/highErrorRate/production'],
    ['app-1:/var/www', 'incident/highErrorRate/app-1~var~www'],
    ['app-1:/', 'incident/highErrorRate/app-1~'],
  ])('is readable for %s', (target, id) => {
    expect(incidentWorkflowId('highErrorRate', target)).toBe(id);
  });

  it('keeps apart what would read alike', () => {
    expect(incidentWorkflowId('d', 'app-1:/var')).not.toBe(incidentWorkflowId('d', 'app-1-var:/'));
  });

  it.each(['app-1:/var', '../../etc', 'a b', "x'; DROP", '日本', ''])('is a hash for the alert\'s own word %j', (words) => {
    expect(incidentWorkflowId('d', unknownTarget(words))).toMatch(/^incident\/d\/x-[0-9a-f]{24}$/);
  });
});
