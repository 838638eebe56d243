import { chmod, copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Authos, startAuthos } from '../../sandbox/authos/authos.js';
import { issue, makeAuthority, putCertificate } from '../../sandbox/bin/lib/tls/authority.mjs';
import { certbotActivities } from '../../src/activities/certbot.js';
import { certificateFileActivities } from '../../src/activities/certificate-files.js';
import { certificateActivities } from '../../src/activities/certificates.js';
import { createScrub } from '../../src/activities/scrub.js';
import { localShell } from '../../src/activities/shell.js';
import type { HostCertificate } from '../../src/domain/certificate.js';
import type { Place } from '../../src/domain/place.js';
import { inActivity } from './support.js';

const day = 86_400_000;
const inDays = (days: number): Date => new Date(Date.now() + days * day);
const once = { samples: 1, every: 0, notBefore: 0, since: 0 };
let folder: string;
let authos: Authos;
let place: Place;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-tls-'));
  authos = await startAuthos({ folder: join(folder, 'authos'), name: 'app-1' });
  ({ place } = authos.inventory());
});
afterAll(async () => {
  await authos?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A good certificate, served, for every test; certbot willing. */
beforeEach(async () => {
  await authos.https.put();
  await authos.https.reload();
  await authos.https.refuseRenewal(undefined);
});

function acts(changes: Partial<HostCertificate> = {}) {
  const { host, path } = authos.inventory();
  const shell = localShell({ records: host.records, scrub: createScrub([]), path: `${path}${delimiter}${process.env['PATH'] ?? ''}` });
  const hosts = [{ ...host, certificates: [{ ...authos.https.certificate, ...changes }] }];
  const certbot = certbotActivities({ hosts, shellOf: () => shell });
  return { ...certificateActivities({ hosts }), ...certbot, ...certificateFileActivities({ hosts, certbot }) };
}
const files = () => authos.https.certificate;
const serve = async (options: Parameters<Authos['https']['put']>[0]): Promise<void> => {
  await authos.https.put(options);
  await authos.https.reload();
};
const prove = (bound: 'renewed' | 'alarm', changes: Partial<HostCertificate> = {}) => inActivity(() => acts(changes).proveCertificate({ place, bound, window: once }));

describe('what is served', () => {
  it('is trusted, for this name, and has its days', async () => {
    const { data, evidence } = await inActivity(() => acts().verifyCertificateChain({ place }));
    expect(data).toMatchObject([{ address: '127.0.0.1', trusted: true, certificate: { coversDomain: true } }]);
    expect(evidence.split('\n')[0]).toBe(`${authos.https.domain}: trusted, and for this name`);
    expect((await inActivity(() => acts().checkCertificateExpiry({ place }))).evidence).toContain('90.0 days left');
    expect(await prove('renewed')).toMatchObject({ kind: 'recovered' });
    expect(await inActivity(() => acts().testHttps({ place }))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('HTTP 404') });
  });

  it.each([
    ['a few days left', { notBefore: inDays(-87), notAfter: inDays(3) }, '3.0 days left, less than 30.0', '3.0 days left, less than 7.0'],
    ['days enough for the alarm, not for a renewal', { notBefore: inDays(-70), notAfter: inDays(20) }, '20.0 days left, less than 30.0', undefined],
    ['a short life with a third of it left', { notBefore: inDays(-4), notAfter: inDays(2.1) }, undefined, undefined],
    ['expired', { notBefore: inDays(-90), notAfter: inDays(-1) }, '-1.0 days left', '-1.0 days left'],
    ['another name', { names: ['other.test', '$(reboot).test'] }, 'not for app-1.authos.test', 'not for app-1.authos.test'],
    ['no intermediate', { withChain: false }, 'not trusted: UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'not trusted'],
  ])('%s: proves what it is', async (_, options, renewed, alarm) => {
    await serve(options);
    for (const [bound, problem] of [['renewed', renewed], ['alarm', alarm]] as const) {
      const verdict = await prove(bound);
      expect(verdict.kind).toBe(problem === undefined ? 'recovered' : 'not recovered');
      if (problem !== undefined) expect(verdict.evidence).toContain(problem);
    }
  });

  it('is an expired one whose chain is still in order', async () => {
    await serve({ notBefore: inDays(-90), notAfter: inDays(-1) });
    const { data } = await inActivity(() => acts().verifyCertificateChain({ place }));
    expect(data).toMatchObject([{ trusted: true }]);
    expect(await inActivity(() => acts().testHttps({ place }))).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining('CERT_HAS_EXPIRED') });
  });

  it('is nothing where nobody listens: never recovered', async () => {
    expect(await prove('alarm', { port: 1 })).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('ECONNREFUSED') });
  });

  it('must be so at every address', async () => {
    expect(await prove('alarm', { addresses: ['127.0.0.1', '127.0.0.2'] })).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('127.0.0.2: no handshake') });
  });

  it('is not trusted by clients without our authority', async () => {
    expect(await prove('alarm', { trust: undefined })).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('not trusted') });
  });
});

describe('the files', () => {
  const look = async (changes?: Partial<HostCertificate>) => (await inActivity(() => acts(changes).checkCertificateFiles({ place }))).data;

  it('are what is served, and last', async () => {
    expect(await look()).toMatchObject({ fileIsServed: true, fileIsNewer: false, lasts: true, file: { damage: [], unknown: [] } });
  });

  it('are newer than what is served after a renewal that nobody loaded', async () => {
    await serve({ notBefore: inDays(-87), notAfter: inDays(3) });
    await authos.https.put();
    expect(await look()).toMatchObject({ fileIsServed: false, fileIsNewer: true, lasts: true });
  });

  it.each([
    ['the key of another certificate', async () => writeFile(files().keyFile, (await issue(join(folder, 'authos/tls/ca'), { names: ['x.test'] })).key), 'its key belongs to another certificate'],
    ['no key', async () => writeFile(files().keyFile, '<?php system("reboot");'), 'holds no private key'],
    ['no certificate', async () => writeFile(files().chainFile, "'; rm -rf / #\0"), 'holds no certificate'],
    ['nothing', async () => rm(files().chainFile), 'is missing'],
    ['an incomplete chain', async () => authos.https.put({ withChain: false }), 'its chain is not complete'],
    ['another name', async () => authos.https.put({ names: ['other.test'] }), 'it is not for app-1.authos.test'],
  ])('with %s are damaged, say so, and are not loaded for newer', async (_, damage, said) => {
    await damage();
    const state = await look();
    expect(state.file.damage.join()).toContain(said);
    expect(state).toMatchObject({ lasts: false, fileIsNewer: false });
  });

  it("are nobody's to renew where something else of another authority is served", async () => {
    const other = join(folder, 'other-ca');
    await makeAuthority(other);
    putCertificate(files(), await issue(other, { names: [authos.https.domain] }));
    await authos.https.reload();
    await authos.https.put();
    expect((await look()).foreignIssuer).toContain('Sandbox Root');
  });

  it('of a domain that the config does not know are a clear error', async () => {
    await expect(inActivity(() => acts().checkCertificateFiles({ place: { ...place, domain: '../../etc' } }))).rejects.toThrow('hosts.app-1.certificates has no domain ../../etc');
  });
});

describe('a renewal', () => {
  it('that is due changes the file, and a reload what is served', async () => {
    await serve({ notBefore: inDays(-87), notAfter: inDays(3) });
    const before = await authos.https.served();
    expect(await inActivity(() => acts().renewCertificate({ place, force: false }))).toMatchObject({ outcome: 'done', end: 'renewed' });
    expect(await authos.https.served()).toBe(before);
    expect(await inActivity(() => acts().verifyRenewal({ place }))).toMatchObject({ outcome: 'failed' });
    expect(await inActivity(() => acts().reloadWebServer({ place }))).toMatchObject({ outcome: 'done' });
    expect(await authos.https.served()).not.toBe(before);
    expect(await inActivity(() => acts().verifyRenewal({ place }))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('VALID: 89 days') });
  });

  it('that is not due is refused, and forced only when told', async () => {
    const before = await readFile(files().chainFile, 'utf8');
    expect(await inActivity(() => acts().renewCertificate({ place, force: false }))).toMatchObject({ outcome: 'refused', end: 'not due' });
    expect(await readFile(files().chainFile, 'utf8')).toBe(before);
    expect(await inActivity(() => acts().renewCertificate({ place, force: true }))).toMatchObject({ outcome: 'done', end: 'renewed' });
  });

  it("whose validation fails is failed in certbot's words, changes nothing, and pages early", async () => {
    await serve({ notBefore: inDays(-87), notAfter: inDays(3) });
    await authos.https.refuseRenewal('Some challenges have failed.');
    const result = await inActivity(() => acts().renewCertificate({ place, force: false }));
    expect(result).toMatchObject({ outcome: 'failed', end: 'failed', evidence: expect.stringContaining('Some challenges have failed.'), pageEarly: 'the renewal of app-1.authos.test failed' });
  });

  it.each([
    ['is unknown to certbot', { certbotName: 'moon' }, { outcome: 'failed', evidence: expect.stringContaining('No certificate found with name moon') }],
    ['has no certbot', { certbot: ['certbot-that-is-not-there'] }, { outcome: 'failed', evidence: expect.stringContaining('command not found') }],
    ['is not managed by certbot', { certbotName: undefined }, { outcome: 'refused', end: 'not managed' }],
    ['is only said to be done', { certbot: ['true'] }, { outcome: 'failed', evidence: 'certbot renew exited 0, but the file is as it was' }],
  ])('that %s is not done', async (_, changes, expected) => {
    await serve({ notBefore: inDays(-87), notAfter: inDays(3) });
    expect(await inActivity(() => acts(changes).renewCertificate({ place, force: false }))).toMatchObject(expected);
  });

  it('is not loaded while the web server says that its configuration is wrong', async () => {
    const before = await authos.https.served();
    await authos.https.put();
    await writeFile(files().keyFile, (await issue(join(folder, 'authos/tls/ca'), { names: ['x.test'] })).key);
    expect(await inActivity(() => acts().reloadWebServer({ place }))).toMatchObject({ outcome: 'failed', evidence: expect.stringMatching(/^not reloaded: .*key values mismatch/) });
    expect(await authos.https.served()).toBe(before);
  });
});

describe('files that lie ready', () => {
  const manual = () => ({ certbotName: undefined, manual: authos.https.manual });
  const layReady = (options: Parameters<Authos['https']['put']>[0] = {}) => authos.https.put(options, authos.https.manual);
  beforeEach(async () => {
    await serve({ notBefore: inDays(-87), notAfter: inDays(3) });
    await rm(join(authos.https.manual.chainFile, '..'), { recursive: true, force: true });
  });

  it('are put in place with mode 600 and the owner kept, and taken back by the undo', async () => {
    await layReady();
    await chmod(files().keyFile, 0o644);
    const [oldChain, oldKey, { uid, gid }] = [await readFile(files().chainFile, 'utf8'), await readFile(files().keyFile, 'utf8'), await stat(files().keyFile)];
    expect(await inActivity(() => acts(manual()).replacementIsReady({ place }))).toMatchObject({ holds: true });
    const copies = await inActivity(() => acts(manual()).backUpCertificate({ place }));
    expect(JSON.stringify(copies)).not.toContain('PRIVATE');
    expect(await inActivity(() => acts(manual()).replaceCertificateFiles({ place }))).toMatchObject({ outcome: 'done' });
    expect(await readFile(files().chainFile, 'utf8')).toBe(await readFile(authos.https.manual.chainFile, 'utf8'));
    const after = await stat(files().keyFile);
    expect([after.mode & 0o777, after.uid, after.gid]).toEqual([0o600, uid, gid]);
    expect((await readdir(join(authos.archive, 'certificates'))).length).toBeGreaterThanOrEqual(2);
    expect(await inActivity(() => acts(manual()).replaceCertificateFiles({ place }))).toMatchObject({ outcome: 'refused', evidence: expect.stringContaining('is in place') });

    expect(await inActivity(() => acts(manual()).restoreCertificateFiles({ place, copies }))).toMatchObject({ outcome: 'done' });
    expect([await readFile(files().chainFile, 'utf8'), await readFile(files().keyFile, 'utf8')]).toEqual([oldChain, oldKey]);
    expect(await inActivity(() => acts(manual()).restoreCertificateFiles({ place, copies }))).toMatchObject({ evidence: expect.stringContaining('nothing to take back') });
  });

  it.each([
    ['their key is another', async () => layReady().then(async () => copyFile(files().keyFile, authos.https.manual.keyFile)), 'its key belongs to another certificate'],
    ['they are for another name', () => layReady({ names: ['other.test'] }), 'it is not for'],
    ['their chain is not complete', () => layReady({ withChain: false }), 'its chain is not complete'],
    ['they are about to expire', () => layReady({ notBefore: inDays(-80), notAfter: inDays(10) }), 'it is about to expire'],
    ['they are not there', async () => undefined, 'is missing'],
  ])('are left where they are if %s', async (_, prepare, why) => {
    await prepare();
    const before = await readFile(files().chainFile, 'utf8');
    expect(await inActivity(() => acts(manual()).replacementIsReady({ place }))).toMatchObject({ holds: false, why: expect.stringContaining(why) });
    expect(await inActivity(() => acts(manual()).replaceCertificateFiles({ place }))).toMatchObject({ outcome: 'refused' });
    expect(await readFile(files().chainFile, 'utf8')).toBe(before);
  });

  it.each(['../../../etc/passwd', '/etc/passwd', '', 'a\0b', '$(reboot)'])('are not taken back from a name such as %j', async (name) => {
    const { data } = await inActivity(() => acts().checkCertificateFiles({ place }));
    const copies = { chain: name, key: name, ours: data.file.facts?.fingerprint ?? '' };
    await expect(inActivity(() => acts(manual()).restoreCertificateFiles({ place, copies }))).rejects.toThrow('no copy of a certificate');
  });
});
