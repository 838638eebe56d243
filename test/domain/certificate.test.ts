import { describe, expect, it } from 'vitest';
import { alarmDays, daysLeft, renewedDays } from '../../src/domain/certificate.js';

const day = 86_400_000;
const living = (days: number) => ({ notBefore: 0, notAfter: days * day });

describe('the bounds of a certificate', () => {
  it.each([
    [365, 7, 30],
    [90, 7, 30],
    [47, 7, 47 / 3],
    [21, 7, 7],
    [6, 2, 2],
  ])('of %i days are %f days for the alarm and %f after a renewal', (lifetime, alarm, renewed) => {
    expect(alarmDays(living(lifetime))).toBeCloseTo(alarm);
    expect(renewedDays(living(lifetime))).toBeCloseTo(renewed);
  });

  it('count days down through the end', () => {
    expect(daysLeft(living(90), 87 * day)).toBe(3);
    expect(daysLeft(living(90), 91 * day)).toBe(-1);
  });
});
