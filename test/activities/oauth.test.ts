import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmod, chown, copyFile, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Authos, startAuthos } from '../../sandbox/authos/authos.js';
import { authosApi } from '../../src/activities/health-api.js';
import type { AuthosApi } from '../../src/activities/health-api.js';
import { oauthActivities } from '../../src/activities/oauth.js';
import { oauthKeyActivities } from '../../src/activities/oauth-keys.js';
import { passportInstallActivities } from '../../src/activities/passport-install.js';
import { createScrub } from '../../src/activities/scrub.js';
import { localShell } from '../../src/activities/shell.js';
import type { Place } from '../../src/domain/place.js';
import { inActivity } from './support.js';

const names = ['oauth-private.key', 'oauth-public.key'] as const;
const isRoot = process.getuid?.() === 0;
let folder: string;
let authos: Authos;
let place: Place;
let good: Record<string, string>;
const path = (name: string): string => join(authos.root, 'storage', name);
const once = { samples: 1, every: 0, notBefore: 0, since: 0 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-oauth-'));
  authos = await startAuthos({ folder: join(folder, 'authos'), name: 'app-1' });
  ({ place } = authos.inventory());
  good = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(path(name), 'utf8')] as const)));
});
afterAll(async () => {
  await authos?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Good keys, an empty backup and an empty archive for every test. */
beforeEach(async () => {
  for (const name of names) {
    await rm(path(name), { force: true });
    await put(name, good[name] ?? '');
    await rm(join(authos.keyBackup, name), { force: true });
  }
  await rm(join(authos.archive, 'oauth-keys'), { recursive: true, force: true });
});

async function put(name: string, text: string): Promise<void> {
  await writeFile(path(name), text, { mode: 0o600 });
  await chmod(path(name), 0o600);
  await authos.user.own(path(name));
}

function parts() {
  const { host, path: bin, databaseUrl, api } = authos.inventory();
  const shell = localShell({ records: host.records, scrub: createScrub([]), path: `${bin}${delimiter}${process.env['PATH'] ?? ''}` });
  return {
    hosts: [host],
    shellOf: () => shell,
    databaseOf: () => ({ connectionString: databaseUrl }),
    apiOf: (): AuthosApi => authosApi({ baseUrl: api.url, token: api.token }),
    testUserOf: (): string | undefined => authos.inventory().testUser,
  };
}
const keys = () => oauthKeyActivities(parts());
const oauth = (more: Partial<ReturnType<typeof parts>> = {}) => oauthActivities({ ...parts(), ...more });
const pair = () => generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
const pairs = async (): Promise<boolean> => publicPem(await readFile(path(names[0]), 'utf8')) === publicPem(await readFile(path(names[1]), 'utf8'));
const publicPem = (pem: string): string => createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString();

/** Lines of key material: none of them may be in what an activity gives back. */
function keyLines(pem: string): string[] {
  return pem.split('\n').filter((line) => line.length > 40);
}

describe('the keys of OAuth', () => {
  it('are read as one pair with owner and mode, and without a line of a key', async () => {
    const finding = await inActivity(() => keys().checkOauthKeys({ place }));
    expect(finding.data).toMatchObject({ from: 'files', private: 'valid', public: 'valid', pair: 'one pair', wrong: [] });
    for (const line of keyLines(good[names[0]] ?? '')) expect(JSON.stringify(finding)).not.toContain(line);
  });

  it.each([
    ['missing', async () => rm(path(names[0])), 'missing', 'it is missing'],
    ['empty', async () => put(names[0], ''), 'corrupt', 'it is empty'],
    ['PHP code', async () => put(names[0], '<?php system("reboot");'), 'corrupt', 'it holds no private key'],
    ['10 kB of something', async () => put(names[0], 'x'.repeat(10_240)), 'corrupt', 'it holds no private key'],
    ['huge', async () => put(names[0], 'x'.repeat(70_000)), 'corrupt', '70000 bytes are no key'],
    ['a link', async () => rm(path(names[0])).then(() => symlink('/etc/passwd', path(names[0]))), 'unreadable', 'it is a link, which is not followed'],
    ['cut off', async () => put(names[0], (good[names[0]] ?? '').slice(0, 900)), 'corrupt', 'it holds no private key'],
  ])('%s: the private key is seen as what it is', async (_, wrong, state, said) => {
    await wrong();
    const { data, evidence } = await inActivity(() => keys().checkOauthKeys({ place }));
    expect(data.private).toBe(state);
    expect(evidence).toContain(said);
  });

  it('is found out when a private key lies where the public one belongs', async () => {
    await put(names[1], good[names[0]] ?? '');
    const { data } = await inActivity(() => keys().checkOauthKeys({ place }));
    expect(data).toMatchObject({ public: 'corrupt', pair: 'unknown' });
  });

  it('from the environment win over the files, and no act touches either', async () => {
    const env = join(authos.root, '.env');
    const before = await readFile(env, 'utf8');
    const other = pair();
    try {
      await writeFile(env, `${before}PASSPORT_PRIVATE_KEY="${other.privateKey.replaceAll('\n', '\\n')}"\nPASSPORT_PUBLIC_KEY="${other.publicKey.replaceAll('\n', '\\n')}"\n`);
      await rm(path(names[0]));
      const { data } = await inActivity(() => keys().checkOauthKeys({ place }));
      expect(data).toMatchObject({ from: 'environment', private: 'valid', public: 'valid', pair: 'one pair' });
      for (const act of [() => keys().derivePublicKey({ place, evenIfOther: true }), () => keys().restoreOauthKeys({ place }), () => keys().makeOauthKeys({ place, share: false })]) {
        expect(await inActivity(act)).toMatchObject({ outcome: 'refused', evidence: expect.stringContaining('environment') });
      }
    } finally {
      await writeFile(env, before);
    }
  });
});

describe('deriving the public key', () => {
  it('brings back the very one that was there, closed to others', async () => {
    await rm(path(names[1]));
    expect(await inActivity(() => keys().derivePublicKey({ place, evenIfOther: false }))).toMatchObject({ outcome: 'done' });
    expect(await readFile(path(names[1]), 'utf8')).toBe(good[names[1]]);
    const { mode, uid } = await stat(path(names[1]));
    expect([mode & 0o777, uid]).toEqual([0o600, authos.user.uid]);
    expect(await inActivity(() => keys().derivePublicKey({ place, evenIfOther: false }))).toMatchObject({ outcome: 'refused' });
  });

  it('leaves one that belongs to another key alone unless told, and keeps it then', async () => {
    const other = pair().publicKey;
    await put(names[1], other);
    expect(await inActivity(() => keys().derivePublicKey({ place, evenIfOther: false }))).toMatchObject({ outcome: 'refused' });
    expect(await readFile(path(names[1]), 'utf8')).toBe(other);
    expect(await inActivity(() => keys().derivePublicKey({ place, evenIfOther: true }))).toMatchObject({ outcome: 'done' });
    expect(await pairs()).toBe(true);
    const [kept] = await readdir(join(authos.archive, 'oauth-keys'));
    expect(await readFile(join(authos.archive, 'oauth-keys', kept ?? ''), 'utf8')).toBe(other);
  });

  it('does nothing without a valid private key', async () => {
    await put(names[0], '$(reboot)');
    await rm(path(names[1]));
    expect(await inActivity(() => keys().derivePublicKey({ place, evenIfOther: true }))).toMatchObject({ outcome: 'refused' });
    expect(await readdir(join(authos.root, 'storage'))).not.toContain(names[1]);
  });
});

describe('restoring the private key', () => {
  const backUp = async (key: string, other?: string): Promise<void> => {
    await writeFile(join(authos.keyBackup, names[0]), key);
    if (other !== undefined) await writeFile(join(authos.keyBackup, names[1]), other);
  };

  it('takes one that pairs with the public key here, with owner and mode, and shows no key', async () => {
    await backUp(good[names[0]] ?? '');
    await rm(path(names[0]));
    expect((await inActivity(() => keys().checkOauthKeys({ place }))).data.canRestore).toBe(true);
    const result = await inActivity(() => keys().restoreOauthKeys({ place }));
    expect(result).toMatchObject({ outcome: 'done' });
    expect(await pairs()).toBe(true);
    const { mode, uid, gid } = await stat(path(names[0]));
    expect([mode & 0o777, uid, gid]).toEqual([0o600, authos.user.uid, authos.user.gid]);
    for (const line of keyLines(good[names[0]] ?? '')) expect(JSON.stringify(result)).not.toContain(line);
  });

  it('takes a whole pair where both are gone', async () => {
    await backUp(good[names[0]] ?? '', good[names[1]]);
    for (const name of names) await rm(path(name));
    expect(await inActivity(() => keys().restoreOauthKeys({ place }))).toMatchObject({ outcome: 'done' });
    expect(await readFile(path(names[1]), 'utf8')).toBe(good[names[1]]);
  });

  it.each([
    ['pairs with nothing here', () => backUp(pair().privateKey), 'does not pair with our public key'],
    ['is no key', () => backUp("'; rm -rf / #"), 'it holds no private key'],
    ['is not there', async () => undefined, 'it is missing'],
  ])('leaves all as it is if the backup %s', async (_, prepare, why) => {
    await prepare();
    await rm(path(names[0]));
    expect((await inActivity(() => keys().checkOauthKeys({ place }))).data.canRestore).toBe(false);
    expect(await inActivity(() => keys().restoreOauthKeys({ place }))).toMatchObject({ outcome: 'refused', evidence: expect.stringContaining(why) });
    expect(await readdir(join(authos.root, 'storage'))).not.toContain(names[0]);
  });

  it('takes no lone private key that nothing shows to be ours', async () => {
    await backUp(good[names[0]] ?? '');
    for (const name of names) await rm(path(name));
    expect(await inActivity(() => keys().restoreOauthKeys({ place }))).toMatchObject({ outcome: 'refused', evidence: expect.stringContaining('no public key shows') });
  });

  it('never overwrites a valid private key', async () => {
    const other = pair();
    await backUp(other.privateKey, other.publicKey);
    expect(await inActivity(() => keys().restoreOauthKeys({ place, publicMayDiffer: true }))).toMatchObject({ outcome: 'refused' });
    expect(await readFile(path(names[0]), 'utf8')).toBe(good[names[0]]);
  });

  it('keeps a corrupt one before it takes its place', async () => {
    await backUp(good[names[0]] ?? '');
    await put(names[0], 'half a key');
    expect(await inActivity(() => keys().restoreOauthKeys({ place }))).toMatchObject({ outcome: 'done' });
    const [kept] = await readdir(join(authos.archive, 'oauth-keys'));
    expect(await readFile(join(authos.archive, 'oauth-keys', kept ?? ''), 'utf8')).toBe('half a key');
  });
});

describe('a new pair of keys', () => {
  it('is made only if there is no other, and copied to the backup', async () => {
    expect(await inActivity(() => keys().makeOauthKeys({ place, share: false }))).toMatchObject({ outcome: 'refused', evidence: expect.stringContaining('never overwritten') });
    await rm(path(names[0]));
    await copyFile(path(names[1]), join(authos.keyBackup, names[1]));
    await writeFile(join(authos.keyBackup, names[0]), good[names[0]] ?? '');
    expect(await inActivity(() => keys().makeOauthKeys({ place, share: false }))).toMatchObject({ outcome: 'refused', evidence: expect.stringContaining('has a private key that pairs') });
    await rm(join(authos.keyBackup, names[0]));
    const made = await inActivity(() => keys().makeOauthKeys({ place, share: false }));
    expect(made).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('everybody has to log in again') });
    expect(await pairs()).toBe(true);
    expect(await readFile(path(names[0]), 'utf8')).not.toBe(good[names[0]]);
    expect(await readFile(join(authos.keyBackup, names[0]), 'utf8')).toBe(await readFile(path(names[0]), 'utf8'));
    for (const line of keyLines(await readFile(path(names[0]), 'utf8'))) expect(JSON.stringify(made)).not.toContain(line);
  });

  it('is not made for several hosts that nothing connects', async () => {
    const { host } = authos.inventory();
    for (const name of names) await rm(path(name));
    const alone = oauthKeyActivities({ ...parts(), hosts: [{ ...host, oauthKeySources: [] }] });
    expect(await inActivity(() => alone.makeOauthKeys({ place, share: true }))).toMatchObject({ outcome: 'refused', evidence: expect.stringContaining('different keys') });
    expect(await readdir(join(authos.root, 'storage'))).not.toContain(names[0]);
  });
});

describe('owner and mode of the keys', () => {
  it('are set where they are wrong, and refused where they are right', async () => {
    expect(await inActivity(() => keys().fixKeyPermissions({ place }))).toMatchObject({ outcome: 'refused' });
    await chmod(path(names[0]), 0o644);
    if (isRoot) await chown(path(names[1]), 0, 0);
    expect(await inActivity(() => keys().fixKeyPermissions({ place }))).toMatchObject({ outcome: 'done' });
    for (const name of isRoot ? names : [names[0]]) {
      const { mode, uid, gid } = await stat(path(name));
      expect([mode & 0o777, uid, gid]).toEqual([0o600, authos.user.uid, authos.user.gid]);
    }
  });

  it('are not changed through a link that somebody put there', async () => {
    const outside = join(folder, 'outside');
    await writeFile(outside, good[names[0]] ?? '', { mode: 0o644 });
    await rm(path(names[0]));
    await symlink(outside, path(names[0]));
    await inActivity(() => keys().fixKeyPermissions({ place }));
    expect((await stat(outside)).mode & 0o777).toBe(0o644);
  });
});

describe('a token of our own', () => {
  const valid = () => authos.sql<{ n: number }>("select count(*)::int as n from oauth_access_tokens where name = 'responder-probe' and not revoked");

  it('is made through the application and revoked, and what a dead worker left too', async () => {
    await authos.sql("insert into oauth_access_tokens (id, user_id, name, expires_at) select 'left', id, 'responder-probe', localtimestamp + interval '1 day' from users where email = $1", [authos.inventory().testUser]);
    const { data, evidence } = await inActivity(() => oauth().testTokenGeneration({ place }));
    expect(data.kind).toBe('works');
    expect(evidence).toBe('a token was made and revoked, after 1 that an earlier test had left');
    expect(await valid()).toEqual([{ n: 0 }]);
  });

  it("fails in the application's words without a key, and then nothing is left by SQL either", async () => {
    await rm(path(names[0]));
    await authos.sql("insert into oauth_access_tokens (id, name, expires_at) values ('lost', 'responder-probe', localtimestamp + interval '1 day')");
    const { data } = await inActivity(() => oauth().testTokenGeneration({ place }));
    expect(data).toMatchObject({ kind: 'fails', said: expect.stringMatching(/LogicException: Key path .* does not exist.*; 1 test tokens revoked by SQL/) });
    expect(await valid()).toEqual([{ n: 0 }]);
    expect(await inActivity(() => oauth().tokensAreDown({ place }))).toBe(true);
  });

  it.each([
    ['PHP code', "x'); system('id'); //@example.com"],
    ["a shell's command", '$(reboot)@example.com'],
    ['SQL with a line break', '"; drop table users; --\n@example.com'],
    ['10 kB', 'x'.repeat(10_240)],
  ])(
    'takes the name of its user as data: %s',
    async (_, testUser) => {
      const { data } = await inActivity(() => oauth({ testUserOf: () => testUser }).testTokenGeneration({ place }));
      expect(data).toMatchObject({ kind: 'unknown', said: expect.stringContaining('there is no user') });
    },
  );

  it('is not known without a user to make it for, and that is not down', async () => {
    const without = oauth({ testUserOf: () => undefined });
    expect((await inActivity(() => without.testTokenGeneration({ place }))).data).toMatchObject({ kind: 'unknown' });
    expect(await inActivity(() => without.tokensAreDown({ place }))).toBe(false);
    expect(await inActivity(() => without.proveOauth({ place, window: once, mayTest: true }))).toMatchObject({ kind: 'unknown' });
  });
});

describe('the proof', () => {
  const silent: AuthosApi = { get: async () => ({ kind: 'unknown', because: '/api/health/oauth answered 502 with HTML instead of JSON' }) };

  it('holds while health, token and pair are in order', async () => {
    expect(await inActivity(() => oauth().proveOauth({ place, window: once, mayTest: true }))).toMatchObject({ kind: 'recovered' });
  });

  it('makes no token where nothing may be changed: what is wrong is still seen, what seems right is unknown', async () => {
    const tokens = () => authos.sql('select id from oauth_access_tokens order by id');
    const before = await tokens();
    expect(await inActivity(() => oauth().proveOauth({ place, window: once, mayTest: false }))).toMatchObject({ kind: 'unknown', evidence: expect.stringContaining('no token is made') });
    await put(names[1], pair().publicKey);
    expect(await inActivity(() => oauth().proveOauth({ place, window: once, mayTest: false }))).toMatchObject({ kind: 'not recovered' });
    expect(await tokens()).toEqual(before);
  });

  it('fails on keys that are no pair, although AuthOS calls itself healthy and makes tokens', async () => {
    await put(names[1], pair().publicKey);
    const verdict = await inActivity(() => oauth().proveOauth({ place, window: once, mayTest: true }));
    expect(verdict).toMatchObject({ kind: 'not recovered', evidence: expect.stringMatching(/healthy.*a token was made and revoked.*not a pair/) });
  });

  it('is unknown while the API gives HTML', async () => {
    expect(await inActivity(() => oauth({ apiOf: () => silent }).proveOauth({ place, window: once, mayTest: true }))).toMatchObject({ kind: 'unknown' });
  });
});

describe('clients and tables of OAuth', () => {
  afterEach(() => authos.sql("delete from oauth_clients where name like 'odd%'"));

  it('are counted by SQL, without a new one, names shown harmless', async () => {
    await authos.sql("insert into oauth_clients (name, revoked) values (E'odd\\n\\x1b[31m$(reboot)', true)");
    const before = await authos.sql('select id from oauth_clients');
    const { data, evidence } = await inActivity(() => oauth().checkOauthClients({ place }));
    expect(data).toEqual({ clients: 2, active: 1 });
    expect(evidence).toContain('odd\\x0a\\x1b[31m$(reboot) (revoked)');
    expect(await authos.sql('select id from oauth_clients')).toEqual(before);
  });

  it('say that cache:forget clears nothing', async () => {
    expect(await inActivity(() => oauth().forgetPassportCache({ place }))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('nothing of Passport was cleared') });
  });

  it('are not corrupt for want of a table that this Passport no longer has, or of a key', async () => {
    await rm(path(names[0]));
    const tables = await inActivity(() => oauth().verifyOauthTables({ place }));
    expect(tables).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('oauth_personal_access_clients: not there') });
    expect(await inActivity(() => oauth().oauthIsCorrupt({ place }))).toMatchObject({ holds: false });
  });

  it('are installed anew where one is missing, after a backup, with the valid private key kept', async () => {
    await authos.sql('alter table oauth_access_tokens rename to kept_tokens');
    try {
      expect(await inActivity(() => oauth().verifyOauthTables({ place }))).toMatchObject({ outcome: 'failed' });
      expect(await inActivity(() => oauth().oauthIsCorrupt({ place }))).toMatchObject({ holds: true, why: expect.stringContaining('oauth_access_tokens: it is missing') });
      const done = await inActivity(() => passportInstallActivities(parts()).reinstallPassport({ place }));
      expect(done).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('backup:') });
      expect(await readFile(path(names[0]), 'utf8')).toBe(good[names[0]]);
      const [backup] = await readdir(join(authos.archive, 'oauth-tables'));
      const file = join(authos.archive, 'oauth-tables', backup ?? '');
      expect(await readFile(file, 'utf8')).toContain('"table" : "oauth_clients"');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    } finally {
      await authos.sql('drop table if exists oauth_access_tokens');
      await authos.sql('alter table kept_tokens rename to oauth_access_tokens');
    }
  });
});
