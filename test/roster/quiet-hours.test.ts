import { describe, expect, it } from 'vitest';
import { quietUntil } from '../../src/roster/quiet-hours.js';
import type { TimeOfDay } from '../../src/roster/quiet-hours.js';

const at = (text: string): TimeOfDay => ({ hour: Number(text.slice(0, 2)), minute: Number(text.slice(3)) });
const berlin = (from: string, until: string) => ({ from: at(from), until: at(until), zone: 'Europe/Berlin' });

describe('quiet hours', () => {
  it.each([
    ['before them', berlin('22:00', '07:00'), '2026-03-10T20:59:59Z', undefined],
    ['from their first moment', berlin('22:00', '07:00'), '2026-03-10T21:00:00Z', '2026-03-11T06:00:00Z'],
    ['after midnight', berlin('22:00', '07:00'), '2026-03-11T03:00:00Z', '2026-03-11T06:00:00Z'],
    ['at their end', berlin('22:00', '07:00'), '2026-03-11T06:00:00Z', undefined],
    ['within a day', berlin('12:30', '13:30'), '2026-07-01T11:00:00Z', '2026-07-01T11:30:00Z'],
    ['in the night after that', berlin('12:30', '13:30'), '2026-07-01T23:00:00Z', undefined],
    ['in the night that is an hour shorter', berlin('22:00', '07:00'), '2026-03-28T22:00:00Z', '2026-03-29T05:00:00Z'],
    ['in the night that is an hour longer', berlin('22:00', '07:00'), '2026-10-24T22:00:00Z', '2026-10-25T06:00:00Z'],
    ['where they end at a time that clocks skip', berlin('22:00', '02:30'), '2026-03-29T00:30:00Z', '2026-03-29T01:30:00Z'],
    ['where they end at a time that comes twice: the first', berlin('22:00', '02:30'), '2026-10-25T00:29:59Z', '2026-10-25T00:30:00Z'],
    ['once that has come', berlin('22:00', '02:30'), '2026-10-25T01:15:00Z', undefined],
    ['on the other side of the date line', { from: at('22:00'), until: at('06:00'), zone: 'Pacific/Auckland' }, '2026-06-10T12:00:00Z', '2026-06-10T18:00:00Z'],
  ])('%s', (_when, quiet, moment, until) => {
    expect(quietUntil(quiet, Date.parse(moment))).toBe(until === undefined ? undefined : Date.parse(until));
  });
});
