import { describe, expect, it } from 'vitest';
import type { SignedAction } from '../../src/domain/action.js';
import { publicKeyOf, sign, verified } from '../../src/domain/signing.js';

const seed = new Uint8Array(32).fill(7);
const keys = [publicKeyOf(new Uint8Array(32).fill(8)), publicKeyOf(seed)];
const action: Omit<SignedAction, 'signature'> = {
  v: 1,
  id: '018f3c5e-0000-7000-8000-000000000001',
  incidentId: '018f3c5e-0000-7000-8000-000000000002',
  person: 'alice',
  via: 'cli',
  at: 1_700_000_000_000,
  action: { kind: 'approve', ask: '1.2' },
};

describe('a signed action', () => {
  it('is verified by one of the keys', () => {
    expect(verified(sign(action, seed), keys)).toBe(true);
    expect(verified(sign(action, seed), [keys[0] ?? ''])).toBe(false);
    expect(verified(sign(action, seed), [])).toBe(false);
  });

  it.each<[string, Partial<SignedAction>]>([
    ['person', { person: 'mallory' }],
    ['incident', { incidentId: '018f3c5e-0000-7000-8000-000000000003' }],
    ['act', { action: { kind: 'approve', ask: '1.3' } }],
    ['kind', { action: { kind: 'resolve', reason: 'done' } }],
    ['time', { at: 1 }],
    ['id', { id: '018f3c5e-0000-7000-8000-000000000009' }],
    ['signature', { signature: 'ff'.repeat(64) }],
    ['form of the signature', { signature: 'not hex' }],
    ['length of the signature', { signature: 'ab' }],
  ])('is refused after a change of its %s', (_what, change) => {
    expect(verified({ ...sign(action, seed), ...change }, keys)).toBe(false);
  });

  it('is refused, without an exception, by keys that are none', () => {
    expect(verified(sign(action, seed), ['', 'zz', 'ff'.repeat(32)])).toBe(false);
  });
});
