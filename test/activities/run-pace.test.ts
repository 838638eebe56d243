import { describe, expect, it } from 'vitest';
import { runPace } from '../../src/activities/run-pace.js';
import type { PageRequest } from '../../src/domain/page.js';

const pageOf = (severity: 'High' | 'Critical' = 'High', level = 1, round = '0.0'): PageRequest =>
  ({ kind: 'page', incident: { severity }, due: { dueAt: 0, parts: [{ level, round, roles: [], reason: 'due' }], late: false } }) as unknown as PageRequest;

describe('the runs of incidents that open together', () => {
  it('begin half a second apart, the first of them at once', () => {
    const runAfter = runPace();
    expect([1_000, 1_010, 1_020, 2_600].map((at) => runAfter(pageOf(), at))).toEqual([undefined, 1_500, 2_000, undefined]);
  });

  it('are put off for two minutes at most', () => {
    const runAfter = runPace();
    const all = Array.from({ length: 500 }, () => runAfter(pageOf(), 0) ?? 0);
    expect(Math.max(...all)).toBe(120_000);
  });

  it.each([['where it is Critical', pageOf('Critical')], ['for a page of a higher level', pageOf('High', 2)], ['for a repeat', pageOf('High', 1, '0.1')]])('wait for nobody %s', (_where, request) => {
    const runAfter = runPace();
    expect([pageOf(), request, request].map((each) => runAfter(each, 0))).toEqual([undefined, undefined, undefined]);
  });
});
