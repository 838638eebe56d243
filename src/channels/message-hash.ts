import { createHash } from 'node:crypto';

/** A message's key as 40 hexadecimal digits, for ids that may not hold what a key may. */
export function messageHash(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 40);
}
