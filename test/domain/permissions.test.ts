import { describe, expect, it } from 'vitest';
import { type Deed, forbids, needsTwoPeople, type Permissions } from '../../src/domain/permissions.js';
import type { Risk } from '../../src/domain/step.js';

const permissions: Permissions = {
  resolve: ['Primary', 'dba'],
  stop: [],
  approve: { disruptive: ['Primary', 'CTO'], destructive: ['CTO'] },
  twoPeople: ['destructive'],
  ownRequests: 'refused',
};

describe('permissions', () => {
  it.each<[string, string[], Deed, boolean]>([
    ['alice', [], 'acknowledge', true],
    ['alice', [], 'resolve', false],
    ['alice', ['Primary'], 'resolve', true],
    ['dba', [], 'resolve', true],
    ['alice', ['dba'], 'resolve', true],
    ['alice', ['Primary', 'CTO'], 'stop', false],
    ['alice', [], { approve: 'safe' }, true],
    ['alice', ['Primary'], { approve: 'disruptive' }, true],
    ['alice', ['Primary'], { approve: 'destructive' }, false],
    ['alice', ['Primary', 'CTO'], { approve: 'destructive' }, true],
    ['CTO', [], { approve: 'destructive' }, true],
  ])('let %s as %j do %j: %s', (person, roles, deed, allowed) => {
    expect(forbids(permissions, { person, roles }, deed) === undefined).toBe(allowed);
    expect(forbids(undefined, { person, roles }, deed)).toBeUndefined();
  });

  it('give nothing that is kept for some to somebody whom our server does not know', () => {
    expect(forbids(permissions, { roles: [] }, 'acknowledge')).toBeUndefined();
    expect(forbids({ ...permissions, acknowledge: ['Primary'] }, { roles: [] }, 'acknowledge')).toBe('acknowledge is left to Primary by the config');
  });

  it('say whom it is left to', () => {
    expect(forbids(permissions, { person: 'alice', roles: ['Primary'] }, { approve: 'destructive' })).toBe('to approve a destructive act is left to CTO by the config, and alice is none of them');
    expect(forbids(permissions, { person: 'alice', roles: [] }, 'stop')).toBe('stop is left to nobody by the config, and alice is none of them');
  });

  it.each<[Risk, boolean]>([['safe', false], ['disruptive', false], ['destructive', true]])('want two people for what is %s: %s', (risk, two) => {
    expect(needsTwoPeople(permissions, risk)).toBe(two);
    expect(needsTwoPeople(undefined, risk)).toBe(false);
  });
});
