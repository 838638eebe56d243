import { describe, expect, it } from 'vitest';
import { duration, localTime, relative, toMoment } from '../../src/cli/clock.js';
import { shortIds } from '../../src/cli/short-id.js';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

describe('times for people', () => {
  it.each([
    [0, '0 s'],
    [59 * second, '59 s'],
    [59.7 * second, '1 min'],
    [4 * minute + 20 * second, '4 min'],
    [59.6 * minute, '1 h'],
    [80 * minute, '1 h 20 min'],
    [47 * hour, '47 h'],
    [76 * hour, '3 d 4 h'],
    [-5 * minute, '5 min'],
  ])('%d ms are %s', (ms, words) => {
    expect(duration(ms)).toBe(words);
  });

  it.each([
    [4 * minute, 'in 4 min'],
    [-12 * minute, '12 min ago'],
    [200, 'now'],
  ])('%d ms from now is %s', (offset, words) => {
    expect(relative(1_700_000_000_000 + offset, 1_700_000_000_000)).toBe(words);
  });

  it('show the date only of another day, in the local zone', () => {
    const now = new Date(2026, 0, 27, 21, 38, 45).getTime();
    expect(localTime(now - hour, now)).toBe('20:38:45');
    expect(localTime(now - 24 * hour, now)).toBe('2026-01-26 21:38:45');
    expect(localTime(Number.NaN, now)).toBe('?');
  });

  it.each([
    [5, 5],
    ['2026-01-27T21:38:45+01:00', Date.UTC(2026, 0, 27, 20, 38, 45)],
    ['soon', undefined],
    [null, undefined],
  ])('the server may say %j', (value, moment) => {
    expect(toMoment(value)).toBe(moment);
  });
});

describe('short ids', () => {
  it('are as long as they must be to differ', () => {
    const ids = [
      '0199a3b2-7c41-7d3e-8a90-5b1c2d3e4f50',
      '0199a3b2-7c41-7d3f-8a90-5b1c2d3e4f50',
      '0199a3b2-7c42-7d3e-8a90-5b1c2d3e4f50',
    ];
    expect([...shortIds(ids).values()]).toEqual(['0199a3b2-7c41-7d3e', '0199a3b2-7c41-7d3f', '0199a3b2-7c42']);
  });
});
