import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { reading } from './calling.js';
import type { On } from './step.js';

/** The same place, seen from another host of its environment. */
export const from = (place: Place, host: string): Place => ({ ...place, host });

/** Reads on every host of the environment, side by side. Throws if one of them does not answer. */
export function readOnHosts<T>(place: Place, title: string, read: (on: On, place: Place) => Promise<T>): Promise<T[]> {
  return Promise.all(place.hosts.map((host) => read(reading(host, `${title} (${host})`, 2), from(place, host))));
}

/**
 * Acts on one host after another and ends at the first that fails. 'Refused' only if every host refused: what one of them needs,
 * another may not.
 */
export async function actOnHosts(hosts: string[], place: Place, onHost: (host: string) => On, act: (on: On, place: Place) => Promise<ActResult>): Promise<ActResult> {
  const lines: string[] = [];
  let isDone = false;
  let file: string | undefined;
  for (const host of hosts) {
    const result = await act(onHost(host), from(place, host));
    lines.push(hosts.length === 1 ? result.evidence : `${host}: ${result.evidence}`);
    file = result.file ?? file;
    isDone ||= result.outcome === 'done';
    if (result.outcome === 'failed') return { ...result, evidence: lines.join('\n') };
  }
  return { outcome: isDone ? 'done' : 'refused', evidence: lines.join('\n'), ...(file === undefined ? {} : { file }) };
}

/** On all hosts, whatever one of them says: an open door beside a closed one helps nobody. */
export async function onEveryHost(place: Place, onHost: (host: string) => On, doing: (on: On, there: Place) => Promise<ActResult>): Promise<ActResult> {
  const lines: string[] = [];
  const outcomes: ActResult['outcome'][] = [];
  for (const host of place.hosts) {
    const { outcome, evidence } = await doing(onHost(host), from(place, host));
    outcomes.push(outcome);
    lines.push(place.hosts.length === 1 ? evidence : `${host}: ${evidence}`);
  }
  const outcome = outcomes.includes('failed') ? 'failed' : outcomes.includes('done') ? 'done' : 'refused';
  return { outcome, evidence: lines.join('\n') };
}
