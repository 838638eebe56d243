import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { linkReader, linkSigner } from '../../src/links/signed-links.js';
import type { LinkGrant } from '../../src/links/signed-links.js';

const keyA = 'a1'.repeat(32);
const keyB = 'b2'.repeat(32);
const now = Date.parse('2026-03-01T14:05:00Z');
const grant: LinkGrant = { incident: '0190f3c0-0000-7000-8000-000000000001', person: 'alice', action: 'approve', ask: '1.2' };

describe('a link', () => {
  it('grants what it was signed for until its time is over, and fits into a text message', async () => {
    const token = await linkSigner([keyA]).sign(grant, now + 60_000);
    expect(await linkReader([keyA]).read(token, now + 59_000)).toEqual(grant);
    expect(await linkReader([keyA]).read(token, now + 60_001)).toBe('expired');
    expect(token).toMatch(/^[\w.-]+$/);
    expect(token.length).toBeLessThan(320);
  });

  it('outlives a change of keys, and not the end of its own', async () => {
    const token = await linkSigner([keyA]).sign(grant, now + 60_000);
    expect(await linkReader([keyB, keyA]).read(token, now)).toEqual(grant);
    expect(await linkReader([keyB]).read(token, now)).toBe('unknown');
    expect(await linkReader([]).read(token, now)).toBe('unknown');
  });

  it('is worth nothing once a part of it is changed, without a signature, or made for something else', async () => {
    const [head = '', payload = '', signature = ''] = (await linkSigner([keyA]).sign(grant, now + 60_000)).split('.');
    const other = Buffer.from(JSON.stringify({ ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object), sub: 'bob' })).toString('base64url');
    const unsigned = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    const key = Buffer.from(keyA, 'hex');
    const jwt = (claims: Record<string, unknown>) => new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setSubject('alice').setExpirationTime('1h');
    const forged = [
      `${head}.${other}.${signature}`,
      `${unsigned}.${payload}.`,
      `${head}.${payload}.${signature.slice(1)}`,
      '',
      'x',
      '...',
      await jwt({ inc: 'i', act: 'acknowledge' }).sign(key), // of another audience
      await jwt({ inc: 'i', act: 'acknowledge' }).setAudience('responder-link').setExpirationTime(new Date(0)).sign(Buffer.from(keyB, 'hex')),
      await jwt({ inc: 'i', act: 'stop' }).setAudience('responder-link').sign(key),
      await jwt({ inc: 'i', act: 'approve' }).setAudience('responder-link').sign(key), // no question
      await jwt({ act: 'acknowledge' }).setAudience('responder-link').sign(key),
    ];
    for (const token of forged) expect(await linkReader([keyA]).read(token, now), token).toBe('unknown');
  });
});
