import { setMaxListeners } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { incidentView, sendAlert } from '../sandbox/drill/responder.js';
import { openSite, type Site } from '../sandbox/drill/site.js';
import type { IncidentView } from '../src/domain/incident.js';
import { plainText } from '../test/histories/plain-text.js';
import { lastLines, played, type Scenario } from '../test/histories/scenario.js';
import { scenarios } from '../test/histories/scenarios.js';

const help = `Usage: npm run histories [-- [runbook] [outcome]]

Plays real incidents on a real site, faster than life, and writes their histories to test/histories/<runbook>/<outcome>/.
Without arguments all of them are recorded again, which takes most of an hour.`;

const project = fileURLToPath(new URL('../', import.meta.url));
const histories = join(project, 'test/histories/');

/** An incident is over in half a minute. What must not run out on a busy machine is longer than life would have it. */
const scale = 1 / 60;
const times = { silentAfter: '2h' };

await main(process.argv.slice(2));

async function main(args: string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return console.log(help);
  const [runbook, outcome] = args;
  const chosen = Object.entries(scenarios).flatMap(([type, list]) =>
    list.filter((one) => (runbook ?? type) === type && (outcome ?? one.outcome) === one.outcome).map((one) => ({ type, one })),
  );
  if (chosen.length === 0) {
    const known = Object.entries(scenarios).map(([type, list]) => `${type}: ${list.map((one) => one.outcome).join(', ')}`);
    console.error(`There is no scenario ${args.join(' ')}. There are:\n${known.join('\n')}`);
    process.exit(2);
  }
  const interrupted = new AbortController();
  setMaxListeners(0, interrupted.signal); // every server of every site listens
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(new Error('interrupted')));
  let failures = 0;
  for (const { type, one } of chosen) {
    try {
      await record(type, one, interrupted.signal);
    } catch (error) {
      if (interrupted.signal.aborted) process.exit(130);
      failures += 1;
      console.error(`${type}: ${one.outcome} was not recorded: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  process.exit(failures === 0 ? 0 : 1);
}

async function record(runbook: string, scenario: Scenario, signal: AbortSignal): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'responder-histories-'));
  let site: Site | undefined;
  try {
    site = await openSite({ folder, scale, times, host: scenario.fault.needs?.(scale), signal, onProgress: () => undefined });
    await scenario.fault.put(site.authos);
    await scenario.prepare?.(site);
    const id = await sendAlert(site, await scenario.fault.alert(site.authos));
    const fetcher = await openFetcher(site);
    try {
      const kept = new Map<string, Files>();
      const incident = played(site, id, async (outcome) => void kept.set(outcome, await fetcher.both(await incidentView(site as Site, id))));
      await scenario.play(incident);
      // Until its workflow ends there is only a timer left, which a change of the code can't break.
      const closed = await incident.until('the report', (view) => view.timeline.some((entry) => entry.what === 'report'));
      kept.set(scenario.outcome, { ...(await fetcher.both(closed)), ...(await fetcher.beside()) });
      for (const [outcome, files] of kept) await write(join(histories, runbook, outcome), files);
      console.log(`${runbook}: ${[...kept.keys()].join(', ')} (${closed.closedAs}; ${lastLines(closed)})`);
    } finally {
      await fetcher.close();
    }
  } finally {
    await site?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** File name → history in JSON. */
type Files = Record<string, string>;

interface Fetcher {
  /** The histories of the incident, of its runs with acts, and of its first check-only run. */
  both(view: IncidentView): Promise<Files>;
  /** Those of the workflows beside them, one of each type. */
  beside(): Promise<Files>;
  close(): Promise<void>;
}

async function openFetcher(site: Site): Promise<Fetcher> {
  const { temporal } = site;
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, namespace: temporal.namespace });
  const secrets = secretsOf(site);
  const fetch = async (workflowId: string): Promise<string> => {
    const text = inLines(JSON.parse(historyToJSON(await client.workflow.getHandle(workflowId).fetchHistory())) as { events: object[] });
    if (secrets.some((secret) => plainText(text).includes(secret))) throw new Error(`the history of ${workflowId} has a secret in it`);
    return text;
  };
  return {
    async both({ incident, runs }) {
      const full = runs.filter(({ kind }) => kind === 'full').map(({ workflowId }, index) => [index === 0 ? 'run' : `run-${index + 1}`, workflowId] as const);
      const check = runs.filter(({ kind }) => kind === 'check').slice(0, 1).map(({ workflowId }) => ['check', workflowId] as const);
      const files: Files = {};
      for (const [name, workflowId] of [['incident', incident.workflowId] as const, ...full, ...check]) files[`${name}.json`] = await fetch(workflowId);
      return files;
    },
    async beside() {
      const files: Files = {};
      for await (const { type, workflowId } of client.workflow.list({ query: "WorkflowType IN ('lock', 'undo', 'block')" })) files[`${type}.json`] ??= await fetch(workflowId);
      return files;
    },
    close: () => connection.close(),
  };
}

/** All that this site's parts let each other in with. */
function secretsOf({ authos, tokens }: Site): string[] {
  const { api, databaseUrl, databaseAdminUrl, cacheUrl } = authos.inventory();
  const passwords = [databaseUrl, databaseAdminUrl, cacheUrl].map((url) => decodeURIComponent(new URL(url).password));
  return [api.token, tokens.alerts, ...Object.values(tokens.people), ...passwords].filter((secret) => secret !== '');
}

/** One event a line: small, and a new recording can be compared with the old one. Who worked on it and where is nobody's business. */
function inLines({ events }: { events: object[] }): string {
  const anonymous = (key: string, value: unknown): unknown => {
    if (key === 'identity') return 'recorder';
    return key === 'stackTrace' && typeof value === 'string' ? value.replaceAll(project, '') : value;
  };
  return `{"events":[\n${events.map((event) => JSON.stringify(event, anonymous)).join(',\n')}\n]}\n`;
}

async function write(folder: string, files: Files): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}
