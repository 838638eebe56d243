import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readHandOver, type Rotation, shiftAt, wrongSince } from '../../src/roster/rotation.js';

const weekly: Rotation = { shifts: [['alice'], ['bob'], ['carol', 'dave']], handOver: { weekday: 1, hour: 9, minute: 0 }, zone: 'Europe/Berlin', since: '2026-11-02' };
const daily: Rotation = { ...weekly, handOver: { hour: 2, minute: 30 } };
const at = (iso: string): number => Date.parse(iso);
const iso = (ms: number): string => new Date(ms).toISOString();
const shift = (rotation: Rotation, moment: string): [string, string, string] => {
  const { people, from, until } = shiftAt(rotation, at(moment));
  return [people.join('+'), iso(from), iso(until)];
};

describe('a rotation', () => {
  it.each([
    ['the first moment of the first shift', weekly, '2026-11-02T09:00:00+01:00', 'alice', '2026-11-02T08:00:00.000Z', '2026-11-09T08:00:00.000Z'],
    ['the moment before it, counted back', weekly, '2026-11-02T08:59:59.999+01:00', 'carol+dave', '2026-10-26T08:00:00.000Z', '2026-11-02T08:00:00.000Z'],
    ['the end of the second', weekly, '2026-11-16T08:59:59+01:00', 'bob', '2026-11-09T08:00:00.000Z', '2026-11-16T08:00:00.000Z'],
    ['a shift that two share', weekly, '2026-11-20T03:00:00+01:00', 'carol+dave', '2026-11-16T08:00:00.000Z', '2026-11-23T08:00:00.000Z'],
    ['a week that loses an hour', weekly, '2027-03-28T12:00:00+02:00', 'carol+dave', '2027-03-22T08:00:00.000Z', '2027-03-29T07:00:00.000Z'],
    ['a week that gains an hour', weekly, '2026-10-25T12:00:00+01:00', 'bob', '2026-10-19T07:00:00.000Z', '2026-10-26T08:00:00.000Z'],
    ['a hand-over in an hour that does not exist: an hour later', daily, '2027-03-28T03:29:00+02:00', 'bob', '2027-03-27T01:30:00.000Z', '2027-03-28T01:30:00.000Z'],
    ['the shift after it', daily, '2027-03-28T03:30:00+02:00', 'carol+dave', '2027-03-28T01:30:00.000Z', '2027-03-29T00:30:00.000Z'],
    ['a hand-over in an hour that comes twice: at the first', daily, '2026-10-25T02:30:00+02:00', 'bob', '2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'],
    ['the second time of that hour', daily, '2026-10-25T02:15:00+01:00', 'bob', '2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'],
  ] as const)('at %s', (_what, rotation, moment, people, from, until) => {
    expect(shift(rotation, moment)).toEqual([people, from, until]);
  });

  it('leaves no moment without a shift and no moment with two, in any zone, over years', () => {
    const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Africa/Casablanca', 'UTC'];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.option(fc.integer({ min: 1, max: 7 }), { nil: undefined }),
        fc.integer({ min: 0, max: 23 }),
        fc.integer({ min: 0, max: 59 }),
        fc.integer({ min: at('2025-01-01T00:00:00Z'), max: at('2029-01-01T00:00:00Z') }),
        (zone, weekday, hour, minute, moment) => {
          const rotation: Rotation = { shifts: [['a'], ['b'], ['c']], handOver: { ...(weekday && { weekday }), hour, minute }, zone, since: '2026-11-02' };
          const now = shiftAt(rotation, moment);
          expect(now.from).toBeLessThanOrEqual(moment);
          expect(now.until).toBeGreaterThan(moment);
          expect(shiftAt(rotation, now.from)).toEqual(now);
          expect(shiftAt(rotation, now.until - 1)).toEqual(now);
          const next = shiftAt(rotation, now.until);
          expect(next.from).toBe(now.until);
          expect(next.people[0]).toBe({ a: 'b', b: 'c', c: 'a' }[now.people[0] ?? '']);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ['09:00', { hour: 9, minute: 0 }],
    ['monday 23:59', { weekday: 1, hour: 23, minute: 59 }],
    ['Sunday  00:00', { weekday: 7, hour: 0, minute: 0 }],
    ['24:00', undefined],
    ['9:00', undefined],
    ['Funday 09:00', undefined],
    ['', undefined],
  ])('reads %j', (text, expected) => {
    expect(readHandOver(text)).toEqual(expected);
  });

  it.each([
    [{ since: '2026-11-02', handOver: weekly.handOver }, undefined],
    [{ since: '2026-11-03', handOver: weekly.handOver }, 'is a Tuesday: the first shift must begin on the day of the hand-over'],
    [{ since: '2026-11-03', handOver: daily.handOver }, undefined],
    [{ since: '2026-02-30', handOver: daily.handOver }, 'must be a date such as 2026-11-02'],
  ])('says what is wrong with %j', ({ since, handOver }, expected) => {
    expect(wrongSince({ since, handOver })).toBe(expected);
  });
});
