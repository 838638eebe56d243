import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { clientsSeen } from '../../src/activities/access-log.js';
import { inActivity } from '../activities/support.js';
import { describeWith } from './programs.js';
import { compare, type Scenario } from './scenario.js';
import { openWebServers, type WebServer, type WebServers } from './web-server.js';

type Case = Scenario<WebServer>;

const [four, other, six] = ['203.0.113.10', '203.0.113.11', '2001:db8::bad'] as const;
const day = 86_400_000;
const inDays = (days: number): Date => new Date(Date.now() + days * day);
const once = { samples: 1, every: 0, notBefore: 0, since: 0 };

const block = (on: WebServer, ...addresses: string[]) => inActivity(() => on.activities.blockAddresses({ place: on.place, addresses, incident: 'incident-1' }));
const lift = (on: WebServer, ...addresses: string[]) => inActivity(() => on.activities.liftBlocks({ host: on.host.name, addresses }));
/** nginx's old workers answer for a moment after its command has ended: over when several looks in a row meet the new certificate. */
const reload = async (on: WebServer) => {
  const result = await inActivity(() => on.activities.reloadWebServer(on));
  const isServed = async (): Promise<boolean> => (await inActivity(() => on.activities.checkCertificateFiles(on))).data.fileIsServed;
  if (result.outcome === 'done') await expect.poll(async () => (await isServed()) && (await isServed()) && (await isServed()), { timeout: 10_000 }).toBe(true);
  return result;
};
/** nginx loads anew after its command has ended: what a client meets then is looked at until it is so. */
const meetsSoon = async (on: WebServer, expected: Record<string, string>): Promise<Record<string, string>> => {
  const all = async () => Object.fromEntries(await Promise.all(Object.keys(expected).map(async (address) => [address, await on.meets(address)])));
  await expect.poll(all, { timeout: 5_000 }).toEqual(expected);
  return all();
};
const said = async (on: WebServer, ...args: string[]) => {
  const { exitCode, stderr } = await on.nginx(...args);
  return { exitCode, words: /\[emerg\] (?:\d+#\d+: )?(.*)/.exec(stderr)?.[1]?.replace(/"\/[^"]*\//, '"…/').replace(/ in \/.*\//, ' in …/').replace(/(?:, expecting| \(SSL:).*/, '') };
};
/** With a file of its own kind of damage, which is mended afterwards. */
async function withDenyFile<T>(on: WebServer, text: string, act: () => Promise<T>): Promise<T> {
  const before = await readFile(on.denyFile, 'utf8');
  await writeFile(on.denyFile, text);
  try {
    return await act();
  } finally {
    await writeFile(on.denyFile, before);
  }
}

const denying: Case[] = [
  ['takes a configuration that is in order', (on) => said(on, '-t'), { exitCode: 0, words: undefined }],
  ['takes comments and networks', (on) => withDenyFile(on, `# deny x;\n  deny ${four}; # a note\ndeny 203.0.113.0/24;\ndeny ${six};\n`, () => said(on, '-t')), { exitCode: 0, words: undefined }],
  ['refuses what is no directive', (on) => withDenyFile(on, 'allow-everything please;\n', () => said(on, '-t')), { exitCode: 1, words: 'unknown directive "allow-everything" in …/block-ips.conf:1' }],
  ['refuses what is no address', (on) => withDenyFile(on, `deny ${four};\ndeny 203.0.113.300;\n`, () => said(on, '-t')), { exitCode: 1, words: 'invalid parameter "203.0.113.300" in …/block-ips.conf:2' }],
  ['does not reload what it refuses', async (on) => [await withDenyFile(on, 'allow-everything please;\n', () => said(on, '-s', 'reload')), await on.meets(four)], [{ exitCode: 1, words: 'unknown directive "allow-everything" in …/block-ips.conf:1' }, 'let in']],
  [
    'denies the real client behind the proxy, and no other, until the block is lifted',
    async (on) => {
      const blocked = await block(on, four, six);
      const denied = await meetsSoon(on, { [four]: 'denied', [six]: 'denied', [other]: 'let in' });
      const { broken, inForce } = await inActivity(() => on.activities.lookAtBlocks(on));
      const lifted = await lift(on, four, six);
      await meetsSoon(on, { [four]: 'let in', [six]: 'let in' });
      return { outcomes: [blocked.outcome, lifted.outcome], denied, broken, inForce };
    },
    { outcomes: ['done', 'done'], denied: { [four]: 'denied', [six]: 'denied', [other]: 'let in' }, broken: [], inForce: [four, six] },
  ],
  [
    'gets its file back as it was where it refuses the configuration',
    (on) =>
      withDenyFile(on, 'allow-everything please;\n', async () => {
        const { outcome, evidence } = await block(on, four);
        return [outcome, evidence.includes('unknown directive "allow-everything"'), await readFile(on.denyFile, 'utf8')];
      }),
    ['failed', true, 'allow-everything please;\n'],
  ],
  [
    'logs the real client, and when',
    async (on) => {
      const since = Date.now() - 1_000;
      await on.meets(other);
      const seen = async () => inActivity(() => clientsSeen(on.accessLog, [other, '203.0.113.99'], since));
      await expect.poll(seen).toEqual({ seen: new Set([other]) });
      return inActivity(() => clientsSeen(on.accessLog, [other], Date.now() + 60_000));
    },
    { seen: new Set() },
  ],
];

interface Judgement {
  served: { trusted: boolean; problem: string | undefined; covers: boolean | undefined; days: number }[];
  file: { fileIsServed: boolean; fileIsNewer: boolean; lasts: boolean; damage: number };
  https: string;
  /** By the bound of a renewal, and by the alarm's. */
  proof: string[];
}

/** What the activities make of a certificate that is served. */
async function judged(on: WebServer): Promise<Judgement> {
  const { data } = await inActivity(() => on.activities.verifyCertificateChain(on));
  const { fileIsServed, fileIsNewer, lasts, file } = (await inActivity(() => on.activities.checkCertificateFiles(on))).data;
  const verdict = async (bound: 'renewed' | 'alarm') => (await inActivity(() => on.activities.proveCertificate({ place: on.place, bound, window: once }))).kind;
  return {
    served: data.map(({ trusted, problem, certificate }) => ({ trusted, problem, covers: certificate?.coversDomain, days: Math.round(((certificate?.notAfter ?? 0) - Date.now()) / day) })),
    file: { fileIsServed, fileIsNewer, lasts, damage: file.damage.length },
    https: (await inActivity(() => on.activities.testHttps(on))).outcome,
    proof: [await verdict('renewed'), await verdict('alarm')],
  };
}

const whole = { trusted: true, problem: undefined, covers: true, days: 90 };
const inOrder = { fileIsServed: true, fileIsNewer: false, lasts: true, damage: 0 };
const [yes, no] = ['recovered', 'not recovered'] as const;

const certificates: [string, Parameters<WebServer['put']>[0], Judgement][] = [
  ['is trusted, for its name, and lasts', {}, { served: [whole], file: inOrder, https: 'done', proof: [yes, yes] }],
  ['has three days left', { notBefore: inDays(-87), notAfter: inDays(3) }, { served: [{ ...whole, days: 3 }], file: { ...inOrder, lasts: false }, https: 'done', proof: [no, no] }],
  ['has days enough for the alarm, not for a renewal', { notBefore: inDays(-70), notAfter: inDays(20) }, { served: [{ ...whole, days: 20 }], file: { ...inOrder, lasts: false }, https: 'done', proof: [no, yes] }],
  ['has expired', { notBefore: inDays(-91), notAfter: inDays(-1) }, { served: [{ ...whole, days: -1 }], file: { ...inOrder, lasts: false, damage: 1 }, https: 'failed', proof: [no, no] }],
  ['is for another name', { names: ['other.test'] }, { served: [{ ...whole, covers: false }], file: { ...inOrder, lasts: false, damage: 1 }, https: 'failed', proof: [no, no] }],
  ['lacks its intermediate', { withChain: false }, { served: [{ ...whole, trusted: false, problem: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }], file: { ...inOrder, lasts: false, damage: 1 }, https: 'failed', proof: [no, no] }],
];

const serving: Case[] = [
  ...certificates.map(([name, options, expected]): Case => [`a certificate that ${name} is judged so`, async (on) => { await on.put(options); const { outcome } = await reload(on); return { outcome, ...(await judged(on)) }; }, { outcome: 'done', ...expected }]),
  [
    'a certificate that was renewed on disk is served after a reload',
    async (on) => {
      await on.put({ notBefore: inDays(-87), notAfter: inDays(3) });
      await reload(on);
      await on.put();
      const before = await judged(on);
      const { outcome } = await reload(on);
      return [before.file, before.served[0]?.days, outcome, (await judged(on)).file];
    },
    [{ ...inOrder, fileIsServed: false, fileIsNewer: true }, 3, 'done', inOrder],
  ],
  [
    'a key of another certificate is refused, and the old one served on',
    async (on) => {
      const key = await readFile(on.files.keyFile, 'utf8');
      await on.put();
      await writeFile(on.files.keyFile, key);
      const tested = await said(on, '-t');
      const { outcome, evidence } = await reload(on);
      const { file, served } = await judged(on);
      return [tested.exitCode, tested.words?.startsWith('SSL_CTX_use_PrivateKey("'), outcome, evidence.includes('key values mismatch'), file, served[0]?.days];
    },
    [1, true, 'failed', true, { fileIsServed: false, fileIsNewer: false, lasts: false, damage: 1 }, 90],
  ],
  [
    'a chain that is missing is refused',
    async (on) => {
      await rm(on.files.chainFile);
      return [await said(on, '-t'), (await reload(on)).outcome];
    },
    [{ exitCode: 1, words: expect.stringMatching(/^cannot load certificate "…\/fullchain\.pem"/) as string }, 'failed'],
  ],
];

describeWith(['nginx-light', 'openssl'], 'nginx, stood in for and real', () => {
  let servers: WebServers;
  beforeAll(async () => {
    servers = await openWebServers();
  });
  afterAll(() => servers?.close());

  it.each(denying)('%s', (_, act, both) => compare(servers, act, both));

  /** A good one, served, for every test. */
  beforeEach(async () => {
    for (const on of [servers.standIn, servers.real]) await on.put();
  });
  it.each(serving)('%s', (_, act, both) => compare(servers, act, both));
});
