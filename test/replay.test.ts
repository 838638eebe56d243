import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { runbooks } from '../src/catalogue.js';
import { workflowBundle } from '../src/workers/bundle.js';
import { plainText } from './histories/plain-text.js';
import { scenarios } from './histories/scenarios.js';
import { quietRuntime } from './support/world.js';

interface Recording {
  /** `<runbook>/<outcome>/<file>`. */
  name: string;
  text: string;
  json: { events: { eventType: string }[] };
}

const folder = fileURLToPath(new URL('histories/', import.meta.url));
const recordings = await readRecordings();
const ofIncidents = (file: string): boolean => ['incident.json', 'lock.json', 'undo.json', 'block.json'].includes(file);
const incidents = recordings.filter(({ name }) => ofIncidents(name.split('/')[2] ?? ''));
const runs = recordings.filter((recording) => !incidents.includes(recording));

const outcomesOf = (runbook: string): string[] => [...new Set(recordings.filter(({ name }) => name.startsWith(`${runbook}/`)).map(({ name }) => name.split('/')[1] ?? ''))];

/** Where an incident of this runbook may stay for long, so that a new version of the code meets it there. */
const longWaits: Record<string, string[]> = {
  bruteForceAttack: ['at-the-question', 'while-the-attack-is-watched', 'in-the-watch'],
  cacheSystemFailure: ['at-the-question', 'settling', 'mitigated', 'in-the-watch'],
  databaseConnectionFailures: ['while-it-is-silent', 'at-the-question', 'settling', 'in-the-watch'],
  diskSpaceCritical: ['at-the-question', 'mitigated', 'in-the-watch'],
  failedQueueJobs: ['at-the-question', 'in-the-watch'],
  generalTroubleshooting: ['observed', 'at-the-question', 'in-the-watch'],
  highApiResponseTimes: ['in-the-watch'], // it asks nothing where the cache has a store of its own
  highErrorRate: ['at-the-question', 'in-the-watch'],
  oauthSystemFailure: ['at-the-question', 'settling', 'in-the-watch'],
  sslCertificateExpiry: ['at-the-question', 'in-the-watch'],
  webhookDeliveryFailures: ['at-the-question', 'mitigated', 'in-the-watch'],
};

/** Events of an incident and its run, on the usual path. */
const eventsAtMost = 300;
/** Bytes of one history. */
const longestHistory = 300 * 1_024;

let code: { incidents: string; runs: string };

beforeAll(async () => {
  quietRuntime();
  const [one, other] = await Promise.all([workflowBundle('incidents'), workflowBundle('runs')]);
  code = { incidents: await readFile(one.codePath, 'utf8'), runs: await readFile(other.codePath, 'utf8') };
});

describe('every recorded history', () => {
  it('is there for each scenario, of every runbook', () => {
    expect(Object.keys(scenarios).toSorted()).toEqual(runbooks.map(({ type }) => type).toSorted());
    const wanted = Object.entries(scenarios).flatMap(([runbook, list]) => list.map(({ outcome }) => `${runbook}/${outcome}`));
    for (const scenario of wanted) {
      const files = recordings.filter(({ name }) => name.startsWith(`${scenario}/`)).map(({ name }) => name.slice(scenario.length + 1));
      expect(files, `${scenario}: npm run histories`).toEqual(expect.arrayContaining(['incident.json', 'run.json']));
    }
  });

  it.each(Object.keys(scenarios))('shows %s as it goes well, as it does not, and at each of its long waits', (runbook) => {
    const outcomes = outcomesOf(runbook);
    expect(outcomes).toEqual(expect.arrayContaining(['recovered', ...(longWaits[runbook] ?? []).map((wait) => `open-${wait}`)]));
    expect(outcomes).toContainEqual(expect.stringContaining('unrecovered'));
    expect(outcomes).toContainEqual(expect.stringContaining('failed-step'));
    if (longWaits[runbook]?.includes('at-the-question')) expect(outcomes).toContainEqual(expect.stringMatching(/^approval-(declined|expired)$/));
  });

  it('of an incident and its locks fits the code of today', async () => {
    expect(incidents).not.toEqual([]);
    expect(await misfits(code.incidents, incidents)).toEqual([]);
  });

  it('of a run fits the code of today', async () => {
    expect(runs).not.toEqual([]);
    expect(await misfits(code.runs, runs)).toEqual([]);
  });

  it.each(recordings.map(({ name, text }) => [name, text]))('reads and writes as JSON without a change: %s', (_, text) => {
    const json = JSON.parse(text) as object;
    expect(JSON.parse(historyToJSON(historyFromJSON(json)))).toEqual(json);
  });

  it.each(recordings.map(({ name, text }) => [name, text]))('names no machine that it was recorded on: %s', (_, text) => {
    const identities = [...text.matchAll(/"identity":"([^"]*)"/g)].map(([, identity]) => identity);
    expect(new Set(identities)).toEqual(new Set(['recorder']));
    const frames = [...text.matchAll(/"stackTrace":"([^"]*)"/g)].flatMap(([, trace = '']) => trace.split('\\n'));
    expect(frames.filter((frame) => /^ {4}at (?:.*\()?(?:file:\/\/)?\//.test(frame))).toEqual([]);
  });

  it.each(recordings.map(({ name, text }) => [name, text]))('holds no key, no token and no password: %s', (_, text) => {
    const plain = plainText(text);
    for (const secret of [/PRIVATE KEY-----/, /\beyJ[\w-]{10,}\./, /[a-z]:\/\/[^\s/:@"]*:[^\s/@"]+@/, /base64:[A-Za-z0-9+/]{40,}=/]) expect(plain).not.toMatch(secret);
  });

  it('is of a bearable size', () => {
    expect(recordings.filter(({ text }) => text.length > longestHistory).map(({ name, text }) => `${name}: ${text.length}`)).toEqual([]);
  });

  it.each(Object.keys(scenarios))('has few events on the usual path: %s', (runbook) => {
    const events = (file: string): number => recordings.find(({ name }) => name === `${runbook}/recovered/${file}`)?.json.events.length ?? Number.NaN;
    expect(events('incident.json') + events('run.json')).toBeLessThanOrEqual(eventsAtMost);
  });
});

/** What a careless change of the sources would make of the compiled code. */
const incompatible: { change: string; of: 'incidents' | 'runs'; from: RegExp; to: string }[] = [
  { change: 'a page under another activity', of: 'incidents', from: /\.sendPage\(request\)/g, to: '.page(request)' },
  { change: 'a run before the first page', of: 'incidents', from: / \|\| !memory\.firstPageOver\) return/g, to: ') return' },
  { change: 'search attributes less', of: 'incidents', from: /\(0,\w+\.upsertSearchAttributes\)\(\[/g, to: '((attributes) => attributes)([' },
  { change: 'no report', of: 'incidents', from: /await reports\.storeReport\(/g, to: "await (async () => ({ file: '' }))(" },
  { change: 'diagnoses in another order', of: 'runs', from: /checkDiskUsage,\s+identifyLargeFiles,/g, to: 'identifyLargeFiles, checkDiskUsage,' },
  { change: 'a step less', of: 'runs', from: /clearOldLogs,\s+clearCacheFiles,/g, to: 'clearCacheFiles,' },
  { change: 'no word at the end', of: 'runs', from: /await \(0,\w+\.tell\)\(conduct, 'ended', content\)/g, to: 'void content' },
];

describe('an incompatible change', () => {
  it.each(incompatible)('is caught by a replay: $change', async ({ of, from, to }) => {
    expect(code[of].match(from), 'the code that this test changes is not there any more').not.toBeNull();
    // One runbook's are enough: it goes through all that these changes touch.
    const oneRunbook = (of === 'incidents' ? incidents : runs).filter(({ name }) => name.startsWith('diskSpaceCritical/'));
    const found = await misfits(code[of].replace(from, to), oneRunbook);
    expect(found.length).toBeGreaterThan(0);
    expect(found.every((line) => /nondetermin|determinism|TMPRL1100/i.test(line))).toBe(true);
  });
});

/** `name: error` of every history that the code would not have written. */
async function misfits(bundle: string, histories: Recording[]): Promise<string[]> {
  const options = { workflowBundle: { code: bundle }, replayName: 'replay' };
  const input = histories.map(({ name, json }) => ({ workflowId: name, history: historyFromJSON(json) }));
  const found: string[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories(options, input)) {
    if (error) found.push(`${workflowId}: ${error.name}: ${error.message}`);
  }
  return found;
}

async function readRecordings(): Promise<Recording[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(folder, name), 'utf8');
      return { name: name.replaceAll('\\', '/'), text, json: JSON.parse(text) as Recording['json'] };
    }),
  );
}
