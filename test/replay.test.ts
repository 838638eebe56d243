import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { workflowBundle } from '../src/workers/bundle.js';
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
const ofIncidents = (file: string): boolean => ['incident.json', 'lock.json'].includes(file);
const incidents = recordings.filter(({ name }) => ofIncidents(name.split('/')[2] ?? ''));
const runs = recordings.filter((recording) => !incidents.includes(recording));

let code: { incidents: string; runs: string };

beforeAll(async () => {
  quietRuntime();
  const [one, other] = await Promise.all([workflowBundle('incidents'), workflowBundle('runs')]);
  code = { incidents: await readFile(one.codePath, 'utf8'), runs: await readFile(other.codePath, 'utf8') };
});

describe('every recorded history', () => {
  it('is there for each scenario', () => {
    const wanted = Object.entries(scenarios).flatMap(([runbook, list]) => list.map(({ outcome }) => `${runbook}/${outcome}`));
    for (const scenario of wanted) {
      const files = recordings.filter(({ name }) => name.startsWith(`${scenario}/`)).map(({ name }) => name.slice(scenario.length + 1));
      expect(files, `${scenario}: npm run histories`).toEqual(expect.arrayContaining(['incident.json', 'run.json']));
    }
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
    const found = await misfits(code[of].replace(from, to), of === 'incidents' ? incidents : runs);
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
