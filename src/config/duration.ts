import { z } from 'zod';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a duration such as `500ms`, `20s`, `15m`, `1.5h`, `7d`; undefined if it is not one, or not above zero. */
export function milliseconds(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (!amount || !unit) return undefined;
  const value = Math.round(Number(amount) * units[unit as keyof typeof units]);
  return value > 0 && Number.isSafeInteger(value) ? value : undefined;
}

/** A duration of the config, as milliseconds. */
export const duration = z.string().transform((text, context) => {
  const value = milliseconds(text);
  if (value === undefined) context.addIssue('must be a duration such as 20s, 15m, 1.5h or 7d');
  return value ?? 0;
});
