import { describe, expect, it } from 'vitest';
import { acknowledgements, readScenario } from '../../src/simulate/scenario.js';

const minute = 60_000;

describe('a scenario', () => {
  it.each([
    ['nobody-answers', { kind: 'nobody-answers' }],
    ['recovers-at=20m', { kind: 'recovers-at', afterMs: 20 * minute }],
    ['recovers-at=1.5h', { kind: 'recovers-at', afterMs: 90 * minute }],
    ['recovers-at', undefined],
    ['recovers-at=soon', undefined],
    ['all-is-well', undefined],
  ])('is read from %s', (text, scenario) => {
    expect(readScenario(text)).toEqual(scenario);
  });

  it.each([
    ['nobody-answers', []],
    ['recovers-at=20m', []],
    ['ack-then-silence', [1]],
    ['approval-expires', [1, 26, 51, 76, 101]],
  ])('%s acknowledges at these minutes', (text, minutes) => {
    const when = acknowledgements(readScenario(text)!, { lapsesMs: 30 * minute, minuteMs: minute, until: 120 * minute });
    expect(when.map((ms) => ms / minute)).toEqual(minutes);
  });
});
