import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { incidentView, sendAlert } from '../../sandbox/drill/responder.js';
import { openSite, type Site } from '../../sandbox/drill/site.js';
import { diskFull } from '../../sandbox/faults/index.js';
import { type Mailbox, startMailbox } from '../../sandbox/servers/mailbox.js';
import { startTemporal, type TemporalServer } from '../../sandbox/servers/temporal.js';
import { workflowBundle } from '../../src/workers/bundle.js';
import { type Played, played } from '../histories/scenario.js';
import { until } from '../support/until.js';
import { gate, type Gate } from './gate.js';

/*
 * One incident from alert to close on an encrypted site. Every process is told to stop in the midst of its work and is started
 * again, mail catcher and Temporal too; then the whole is put back from a backup, and the key is replaced. The tests are its
 * chapters and follow each other.
 */

const sessions = 'Delete all sessions';
const oldLogs = 'Delete logs older than 7 days';
const ours = ['server', 'incidents', 'runs', 'host'];
/** What a part may take on a busy machine, ms. */
const patience = 120_000;

let folder: string;
let site: Site;
let id: string;
let incident: Played;
let find: Gate;
let keyFiles: { old: string; new: string };
/** What was started in place of what the site began with. */
let mailbox: Mailbox | undefined;
let temporal: TemporalServer | undefined;
const fault = diskFull();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-stopped-'));
  await chmod(folder, 0o755); // PostgreSQL's user must pass
  vi.stubEnv('TMPDIR', folder);
  keyFiles = { old: join(folder, 'old.key'), new: join(folder, 'new.key') };
  for (const file of Object.values(keyFiles)) await writeFile(file, randomBytes(32).toString('hex'), { mode: 0o600 });
  // Before the site, whose processes have 90 s to start: with a key they take other bundles than every test has.
  await Promise.all((['incidents', 'runs'] as const).map((name) => workflowBundle(name, 'encoded')));
  // What waits, waits through all of the restarts.
  site = await openSite({ folder, scale: 1 / 60, times: { firstWord: '40h', silentAfter: '40h', approvalExpires: '40h', closedStays: '20h' }, config: { encryption: { keys: [`file:${keyFiles.old}`] } }, onProgress: () => undefined, signal: new AbortController().signal });
  find = await gate({ program: 'find', when: '-mtime', bin: site.authos.inventory().path, folder });
  await fault.put(site.authos);
}, 400_000);

afterAll(async () => {
  await find?.open();
  await site?.stop();
  await temporal?.stop();
  await mailbox?.close();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** Tells it to stop, as compose and systemd do. */
function tell(name: string): void {
  process.kill(site.processes[name]?.pid ?? 0, 'SIGTERM');
}

async function stop(names: string[]): Promise<void> {
  for (const name of names) tell(name);
  for (const name of names) expect(await site.processes[name]?.exited, name).toBe('exited with 0');
}

const start = (names: string[]): Promise<unknown> => Promise.all(names.map((name) => site.restart(name)));

async function startTemporalAgain(): Promise<void> {
  temporal = await startTemporal({ folder: join(folder, 'temporal'), database: 'file', port: Number(site.temporal.address.split(':')[1]) });
}

async function encryptWith(...files: string[]): Promise<void> {
  const config = parse(await readFile(site.configFile, 'utf8')) as object;
  await writeFile(site.configFile, stringify({ ...config, encryption: { keys: files.map((file) => `file:${file}`) } }));
}

/** What is on the disk of Temporal. */
async function kept(): Promise<Buffer> {
  const database = join(folder, 'temporal');
  return Buffer.concat(await Promise.all((await readdir(database)).filter((name) => name.startsWith('temporal.db')).map((name) => readFile(join(database, name)))));
}

/** How Temporal's database calls a key. */
const nameOf = async (file: string): Promise<string> => createHash('sha256').update(Buffer.from(await readFile(file, 'utf8'), 'hex')).digest('hex').slice(0, 16);

describe('a site whose processes are told to stop', () => {
  it('sends a page that found no mail catcher once it is back, and once only', { timeout: 900_000 }, async () => {
    await site.mailbox.close();
    id = await sendAlert(site, await fault.alert(site.authos));
    incident = played(site, id, async () => undefined);
    await find.reached(1);
    expect(site.mailbox.messages).toEqual([]);
    mailbox = await startMailbox({ port: site.mailbox.port });
    await until('the page', () => (mailbox?.messages.length ?? 0) > 0, patience);
    await incident.until('its record', ({ pages }) => pages.length > 0);
  });

  it('lets the act that is going on end when the worker of its host is told to stop, and does it once', { timeout: 900_000 }, async () => {
    tell('host');
    await find.open();
    expect(await site.processes['host']?.exited).toBe('exited with 0');
    await start(['host']);
    const view = await incident.until('the questions', ({ state, asks }) => state === 'mitigated' && asks.length === 3);
    expect(await find.calls()).toBe(1);
    expect(view.timeline.filter(({ text }) => text.includes(oldLogs) && text.includes('unknown'))).toEqual([]);
  });

  it('waits for its answers while each of ours, and Temporal, is stopped and started', { timeout: 900_000 }, async () => {
    const before = await incidentView(site, id);
    for (const name of ours) {
      await stop([name]);
      await start([name]);
    }
    await site.temporal.stop();
    await startTemporalAgain();
    const after = await incident.until('an answer', () => true);
    expect(after.asks).toEqual(before.asks);
    expect(after.timeline.slice(0, before.timeline.length)).toEqual(before.timeline);
  });

  it('goes on from a backup, by the commands of docs/install.md, on a machine that has nothing else', { timeout: 900_000 }, async () => {
    const before = await incidentView(site, id);
    await stop(ours);
    await temporal?.stop();
    for (const name of ['state', 'temporal']) {
      const path = join(folder, name);
      const backup = join(folder, `${name}.tar`);
      await execa('tar', ['-C', path, '-c', '.'], { stdout: { file: backup }, stdin: 'ignore' });
      await rm(path, { recursive: true });
      await mkdir(path, { mode: 0o700 });
      await execa('tar', ['-C', path, '-x'], { stdin: { file: backup } });
    }
    await startTemporalAgain();
    await start(ours);
    const after = await incident.until('an answer', () => true);
    expect(after.asks).toEqual(before.asks);
    // Signed by the key of the backup.
    await incident.act({ kind: 'acknowledge' });
    const { timeline } = await incident.until('the acknowledgement', (view) => view.timeline.some(({ what }) => what === 'acknowledge'));
    expect(JSON.stringify(timeline.find(({ what }) => what === 'acknowledge'))).not.toContain('unverified');
  });

  it('goes on through the change of its key, in the two steps of docs/operations.md', { timeout: 900_000 }, async () => {
    expect((await kept()).includes(await nameOf(keyFiles.new))).toBe(false);
    for (const keys of [[keyFiles.old, keyFiles.new], [keyFiles.new, keyFiles.old]]) {
      await encryptWith(...keys);
      // One after the other, as somebody would: those that have both keys, or the new order, meet those that don't yet.
      for (const name of ours) {
        await stop([name]);
        await start([name]);
      }
    }
    await incident.approve(sessions);
    const view = await incident.until('the close', ({ state }) => state === 'closed');
    expect(view.closedAs).toBe('recovered');
    expect((await fault.over(site.authos)).over).toBe(true);
    for (const file of Object.values(keyFiles)) expect((await kept()).includes(await nameOf(file))).toBe(true);
  });

  it('pages nobody twice about the same', async () => {
    const { pages } = await incidentView(site, id);
    expect(new Set(pages.map(({ key }) => key)).size).toBe(pages.length);
    for (const { key, repeats } of pages) {
      const mails = [...site.mailbox.messages, ...(mailbox?.messages ?? [])].filter(({ headers }) => headers['x-responder-key'] === key);
      expect({ key, ids: new Set(mails.map(({ messageId }) => messageId)).size, unneeded: Math.max(0, mails.length - repeats - 1) }).toEqual({ key, ids: 1, unneeded: 0 });
    }
  });

  it('leaves no output, command, address, record or secret that can be read in the database of Temporal', async () => {
    const view = await incidentView(site, id);
    const acts = view.runs.flatMap(({ steps }) => steps.flatMap((step) => step.acts));
    const texts = [...view.timeline.map(({ text }) => text), ...view.asks.flatMap(({ command, evidence }) => [command, evidence]), ...acts.map(({ outcome }) => JSON.stringify(outcome).slice(20, -2))];
    const secrets = [...Object.values(site.tokens.people), site.tokens.alerts, site.authos.inventory().api.token, ...(await Promise.all(Object.values(keyFiles).map((file) => readFile(file, 'utf8'))))];
    const searched = [...texts.map((text) => text.slice(0, 60)).filter((text) => text.length > 15), ...secrets, ...(mailbox?.messages ?? []).flatMap(({ to }) => to)];
    expect(searched.length).toBeGreaterThan(40);
    const database = await kept();
    expect(database.includes('diskSpaceCritical'), 'a search attribute is readable by design').toBe(true);
    expect(searched.filter((text) => database.includes(text))).toEqual([]);
  });

  it('leaves no secret in its logs, and the incident on each line that is about it', async () => {
    const secrets = [...Object.values(site.tokens.people), site.tokens.alerts, site.authos.inventory().api.token, site.authos.inventory().databaseUrl, ...(await Promise.all(Object.values(keyFiles).map((file) => readFile(file, 'utf8'))))];
    const logs = await Promise.all((await readdir(join(folder, 'logs'))).map((name) => readFile(join(folder, 'logs', name), 'utf8')));
    const lines = logs.flatMap((log) => log.split('\n')).filter((line) => line.startsWith('{'));
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
    const about = lines.filter((line) => line.includes(id)).map((line) => JSON.parse(line) as { incidentId?: string; workflowId?: string });
    expect(about.length).toBeGreaterThan(5);
    expect(about.filter(({ incidentId, workflowId }) => incidentId !== id && workflowId === undefined)).toEqual([]);
  });
});
