import fc from 'fast-check';
import { runbooks as procedures } from '../../src/catalogue.js';
import { plainRunbook } from '../../src/catalogue/plain.js';
import { formats } from '../../src/alerts/formats.js';
import type { AlertFormat } from '../../src/alerts/format.js';
import { generic } from '../../src/alerts/generic.js';
import { route } from '../../src/alerts/routing.js';
import { incidentWorkflowId } from '../../src/domain/identity.js';
import { fuzzBodies, marker, recorded, unchanged } from './fuzz-bodies.js';
import type { FuzzBody } from './fuzz-bodies.js';
import type { Answer, FuzzSite, Started } from './fuzz-site.js';

/** What came of the bodies of one source: how many were answered how. */
export type Tally = Record<string, Record<string, number>>;

export interface FuzzResult {
  tally: Tally;
  slowestMs: number;
  /** Alerts in what was accepted, and incidents in Temporal. */
  alerts: number;
  incidents: number;
}

/** Bodies on their way at the same time. */
const width = 8;
const runbooks = procedures.map(plainRunbook);
const types = runbooks.map(({ type }) => type).join('|');

/**
 * Sends bodies of all formats, recorded ones first as they are, and throws an Error with seed and body if one is answered by a
 * failure, is repeated in a refusal, or is accepted for an incident that routing does not give it. In the end what runs in
 * Temporal must be what was accepted, and nothing else. The same seed makes the same bodies.
 */
export async function fuzz(site: FuzzSite, { bodies, seed }: { bodies: number; seed: number }): Promise<FuzzResult> {
  const fixtures = await recorded();
  const result: FuzzResult = { tally: {}, slowestMs: 0, alerts: 0, incidents: 0 };
  const firing = new Set<string>();
  const sent = async (body: FuzzBody): Promise<void> => {
    const answer = await site.send(body);
    const word = judged(site, body, answer);
    const counts = (result.tally[body.source] ??= {});
    counts[word] = (counts[word] ?? 0) + 1;
    result.slowestMs = Math.max(result.slowestMs, answer.tookMs);
    if (answer.status !== 202) return;
    const routed = routedIn(site, body);
    result.alerts += routed.length;
    for (const { workflowId, status } of routed) if (status === 'firing') firing.add(workflowId);
  };
  for (const fixture of fixtures) await sent(unchanged(fixture));
  const refused = Object.entries(result.tally).filter(([, counts]) => !counts['accepted']);
  if (refused.length > 0) throw new Error(`recorded bodies were refused: ${JSON.stringify(refused)}`);

  const burst = fc.array(fuzzBodies(fixtures), { minLength: width, maxLength: width });
  const { failed, errorInstance, counterexamplePath } = await fc.check(fc.asyncProperty(burst, async (several) => void (await Promise.all(several.map(sent)))), { seed, numRuns: Math.ceil(bodies / width), endOnFailure: true });
  if (failed) throw new Error(`seed ${seed}, path ${counterexamplePath}: ${errorInstance instanceof Error ? errorInstance.message : String(errorInstance)}`, { cause: errorInstance });

  const started = await site.started();
  result.incidents = started.length;
  compareEnd(site, { started, firing, alerts: result.alerts, counted: await site.accepted() });
  return result;
}

/** The answer's word for the tally. Throws for what must not be. */
function judged(site: FuzzSite, body: FuzzBody, { status, text, tookMs }: Answer): string {
  const said = `${body.made} of ${body.source}, ${JSON.stringify(body.bytes.toString('latin1').slice(0, 2_000))}, was answered ${status} ${text.slice(0, 500)}`;
  if (tookMs > 20_000) throw new Error(`${said} after ${tookMs} ms`);
  const answer = JSON.parse(text) as { error?: string; message?: string; alerts?: { workflowId: string }[] };
  if (status >= 400 && status < 500 && status !== 429) {
    if (Object.keys(answer).toSorted().join() !== 'error,message' || text.includes(marker)) throw new Error(`${said}, which is no refusal as it should be`);
    return answer.error ?? '';
  }
  if (status !== 202 || !answer.alerts) throw new Error(said);
  const ids = answer.alerts.map(({ workflowId }) => workflowId);
  const expected = routedIn(site, body).map(({ workflowId }) => workflowId);
  if (ids.join() !== expected.join()) throw new Error(`${said}, where routing gives ${expected.join()}`);
  return expected.length > 0 ? 'accepted' : 'says nothing';
}

/** Where the alerts of a body go, by format and routing alone. Throws if it is none. */
function routedIn({ config }: FuzzSite, { source, bytes }: FuzzBody): { workflowId: string; status: string }[] {
  const acceptedAt = Date.now();
  // As JSON.parse does not: RFC 8259 lets a reader ignore a byte order mark.
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  const body: unknown = source === 'cloudwatch' ? { ...envelope, Message: text } : JSON.parse(text);
  return formatOf(config, source)
    .parse(body, acceptedAt)
    .map((parsed) => {
      const { alert } = route(parsed, { runbooks, inventory: config, source, acceptedAt });
      return { workflowId: incidentWorkflowId(alert.runbook, alert.target), status: alert.status };
    });
}

const envelope = { Type: 'Notification', MessageId: '', TopicArn: '', Timestamp: '', SignatureVersion: '2', Signature: '', SigningCertURL: '' };

function formatOf({ sources }: FuzzSite['config'], source: string): AlertFormat {
  const mapping = sources[source]?.mapping;
  if (mapping) return generic(mapping);
  const name = { own: 'responder', sns: 'cloudwatch' }[source] ?? source;
  const format = formats.find((one) => one.name === name);
  if (!format) throw new Error(`there is no format ${name}`);
  return format;
}

function compareEnd({ config, errors }: FuzzSite, { started, firing, alerts, counted }: { started: Started[]; firing: Set<string>; alerts: number; counted: number }): void {
  if (errors.length > 0) throw new Error(`the server logged errors: ${errors.slice(0, 3).join('\n')}`);
  if (counted !== alerts) throw new Error(`${alerts} alerts were accepted, and the server counts ${counted}`);
  const ids = started.map(({ workflowId }) => workflowId);
  const tooMany = ids.filter((id) => !firing.has(id));
  const lost = [...firing].filter((id) => !ids.includes(id));
  if (tooMany.length > 0 || lost.length > 0 || new Set(ids).size !== ids.length) throw new Error(`in Temporal there are ${tooMany.join()} that nothing accepted stands for, and not ${lost.join()}`);
  const known = new Set(Object.keys(config.environments).flatMap((environment) => namesIn(config, environment)));
  for (const { workflowId, runbook, target } of started) {
    const isNamed = known.has(target) || / \(not in the inventory\)$|an? (?:host|mount|environment|queue|domain) of several \(/.test(target);
    if (!new RegExp(`^incident/(?:${types})/(?:x-[0-9a-f]{24}|[A-Za-z0-9._~-]+)$`).test(workflowId) || !workflowId.startsWith(`incident/${runbook}/`) || !isNamed || target.length > 255) {
      throw new Error(`in Temporal there is ${workflowId}, of runbook ${runbook} on ${JSON.stringify(target)}`);
    }
  }
}

/** Every target that the inventory has. */
function namesIn({ environments, hosts }: FuzzSite['config'], name: string): string[] {
  const environment = environments[name];
  if (!environment) return [];
  const { queues, stores, domains, webhooks, database } = environment;
  const parts = [...queues, ...stores, ...domains, ...webhooks, 'all', database?.name ?? 'database'].map((part) => `${name}:${part}`);
  return [name, ...parts, ...Object.values(hosts).flatMap((host) => host.mounts.map((mount) => `${host.name}:${mount}`))];
}

/** One line for each source: how many bodies, and what they were answered. */
export function inLines(tally: Tally): string[] {
  return Object.entries(tally).map(([source, counts]) => {
    const sum = Object.values(counts).reduce((a, b) => a + b, 0);
    return `  ${source.padEnd(14)}${String(sum).padStart(6)}   ${Object.entries(counts).toSorted(([, a], [, b]) => b - a).map(([word, count]) => `${word} ${count}`).join(', ')}`;
  });
}
