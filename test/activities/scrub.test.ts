import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createScrub, hidden } from '../../src/activities/scrub.js';

const key = '-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nabc\n-----END RSA PRIVATE KEY-----';
const jwt = 'eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiIxIiwianRpIjoiYSJ9.c2lnbmF0dXJlLWhlcmU';

describe('secrets that nobody listed', () => {
  it.each([
    ['a bearer token', 'Authorization: Bearer abc.DEF-123_456', 'abc.DEF-123_456'],
    ['a password in .env', 'DB_PASSWORD=hunter2hunter2\nDB_PORT=5432', 'hunter2hunter2'],
    ['a quoted password with spaces', 'DB_PASSWORD="two words # here"', 'two words # here'],
    ['a password in JSON', '{"password":"p\\"quoted","ip":"10.0.0.1"}', 'quoted'],
    ['a secret in JSON inside JSON', '{"payload":"{\\"client_secret\\":\\"s3cr3t-value\\"}"}', 's3cr3t-value'],
    ['a PHP array', "'secret' => 'topsecret1'", 'topsecret1'],
    ['user and password in an address', 'postgres://authos:pa:ss@w/rd@db-1:5432/authos', 'pa:ss@w/rd'],
    ['an APP_KEY', 'key base64:3mJ0Nqf3o4T8vJb1YQ0Yw8mB0e7C2Gq2m7n0k3K9z4E= set', '3mJ0Nqf3o4T8vJb1YQ0Yw8mB0e7C2Gq2m7n0k3K9z4E'],
    ['a private key', `before\n${key}\nafter`, 'MIIEowIBAAKCAQEA7'],
    ['a private key that never ends', key.slice(0, 50), 'MIIEowIBAAKCAQEA7'],
    ['a JWT', `token was ${jwt} ok`, 'c2lnbmF0dXJlLWhlcmU'],
    ['an AWS access key', 'AKIAIOSFODNN7EXAMPLE in us-east-1', 'AKIAIOSFODNN7EXAMPLE'],
    ['an AWS secret key', 'aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'bPxRfiCYEXAMPLEKEY'],
    ['a cookie', 'Set-Cookie: laravel_session=abcdef; path=/\nx', 'abcdef'],
  ])('%s is hidden', (_what, text, secret) => {
    const scrubbed = createScrub([])(text);
    expect(scrubbed).not.toContain(secret);
    expect(scrubbed).toContain(hidden);
  });

  it('leaves the rest of the text as it is', () => {
    expect(createScrub([])('DB_PASSWORD=hunter2\nDB_PORT=5432')).toBe(`DB_PASSWORD=${hidden}\nDB_PORT=5432`);
    const plain = 'Filesystem 1024-blocks Used\n/dev/sda1 264212084 12895808 14% /\nCommand "db:archive" is not defined.';
    expect(createScrub([])(plain)).toBe(plain);
  });

  it('is not slowed down by hostile text', () => {
    for (const text of [
      'password='.repeat(20_000),
      '://a:'.repeat(30_000),
      'eyJ'.repeat(60_000),
      '-----BEGIN PRIVATE KEY-----'.repeat(5_000),
    ]) {
      const started = performance.now();
      createScrub([])(text);
      expect(performance.now() - started).toBeLessThan(2_000);
    }
  });
});

describe('secrets that are known', () => {
  const secrets = fc.string({ unit: 'binary', minLength: 4, maxLength: 40 }).filter((secret) => !secret.includes('•'));

  it('never survive, whatever surrounds them', () => {
    fc.assert(
      fc.property(fc.array(secrets, { minLength: 1, maxLength: 3 }), fc.array(fc.string()), (known, words) => {
        const text = words.flatMap((word, index) => [word, known[index % known.length] ?? '']).join('') + known.join('');
        const scrubbed = createScrub(known)(text);
        for (const secret of known) expect(scrubbed.includes(secret)).toBe(false);
      }),
    );
  });

  it('never survive a stream, however it is cut into pieces', () => {
    fc.assert(
      fc.property(
        secrets,
        fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 200 }),
        (secret, cuts, gap) => {
          const text = `${'-'.repeat(gap)}${secret}`.repeat(Math.ceil(250_000 / (gap + secret.length)));
          const stream = createScrub([secret]).stream();
          let result = '';
          let at = 0;
          for (let n = 0; at < text.length; n += 1) {
            const size = cuts[n % cuts.length] ?? 1;
            result += stream.push(text.slice(at, at + Math.max(size, 500)));
            at += Math.max(size, 500);
          }
          result += stream.end();
          expect(result.includes(secret)).toBe(false);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('are hidden in JSON, URL and base64 form too', () => {
    const secret = 'a"b/c d+é';
    const forms = [JSON.stringify({ x: secret }), encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
    for (const form of forms) expect(createScrub([secret])(`see ${form} there`)).toContain(hidden);
  });

  it('are hidden without the rest of their address, too', () => {
    expect(createScrub(['postgresql://authos:pa%2Fss-1@db-1/authos'])('auth failed for pa/ss-1')).toBe(
      `auth failed for ${hidden}`,
    );
  });

  it('are refused when too short to be told from ordinary text, without being shown', () => {
    expect(() => createScrub(['abc'])).toThrow(/^secret 1 is shorter than 4 characters$/);
  });

  it('change nothing when scrubbed twice', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const scrub = createScrub(['some-secret']);
        expect(scrub(scrub(text))).toBe(scrub(text));
      }),
    );
  });
});
