import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/config.js';
import { examineTokens } from '../../src/doctor/tokens.js';

const day = 24 * 60 * 60_000;
const at = Date.UTC(2026, 10, 24, 12);
const secret = new Secret('0123456789abcdef');
const token = (days: number, more: { scope?: 'read' | 'act' | 'alert'; person?: string; source?: string } = { person: 'alice' }) => ({ secret, scope: 'act' as const, expires: at + days * day, ...more });
const looked = (tokens: Record<string, ReturnType<typeof token>>, more: object = {}) => examineTokens({ tokens, ...more }, at, at + 14 * day).map(({ subject, state, says }) => `${subject} ${state}: ${says}`);

describe('a token that comes to its end', () => {
  it('is found 14 days before, and after', () => {
    expect(looked({ a: token(15), b: token(13, { person: 'bob' }), c: token(-1, { person: 'carol' }) })).toEqual([
      'tokens.a ok: expires at 2026-12-09T12:00:00.000Z',
      'tokens.b finding: expires at 2026-12-07T12:00:00.000Z, in 13 days',
      'tokens.c finding: expired at 2026-11-23T12:00:00.000Z',
    ]);
  });

  it('is only noted where another of the same holder may as much for longer', () => {
    const states = (tokens: Record<string, ReturnType<typeof token>>, more = {}) => looked(tokens, more).map((line) => line.split(/[ :]/)[1]);
    expect(states({ old: token(3), new: token(300) })).toEqual(['note', 'ok']);
    expect(states({ old: token(3), new: token(300, { scope: 'read', person: 'alice' }) })).toEqual(['finding', 'ok']);
    expect(states({ old: token(3), new: token(300, { person: 'bob' }) })).toEqual(['finding', 'ok']);
    expect(states({ board: token(3, { scope: 'read' }), other: token(300, { scope: 'read' }) })).toEqual(['finding', 'ok']);
    expect(states({ old: token(3, { scope: 'alert', source: 'grafana' }) }, { sources: { grafana: { token: [secret] } } })).toEqual(['note']);
  });
});
