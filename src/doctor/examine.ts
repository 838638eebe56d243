import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { PlainRunbook } from '../catalogue/plain.js';
import type { Config } from '../config.js';
import type { Check, Examination, HostLook } from '../domain/doctor.js';
import type { Modes } from '../domain/mode.js';
import { rightsOf, type RightName } from '../domain/rights.js';
import { within } from '../http/temporal-calls.js';
import type { doctor as doctorWorkflow, Answered, DoctorAnswers } from '../workflows/doctor.js';
import { queues } from '../workflows/names.js';
import { examineChannels } from './channels.js';
import { examinePeople } from './people.js';
import { examineSettings } from './settings.js';
import { examineTemporal } from './temporal.js';
import { examineTokens } from './tokens.js';

const day = 24 * 60 * 60_000;
/** How far ahead the roster is looked at. */
export const daysAhead = 14;
/** Longer than every part of workflow `doctor` in a row. */
const answersWithinMs = 55_000;

/** Looks at everything that a night may depend on. */
export interface Doctor {
  /** `sendTest` sends a test page to everybody who may be paged in that time, on each of their ways. Throws nothing for what is wrong: that is what it finds. */
  examine(options: { sendTest: boolean }): Promise<Examination>;
}

export interface DoctorParts {
  client: Client;
  config: Config;
  runbooks: readonly PlainRunbook[];
  modes: () => Promise<Modes>;
  now?: () => number;
}

/** The doctor of this server: what can be seen from here it sees itself, the rest it asks the workers. */
export function doctorOf({ client, config, runbooks, modes, now = Date.now }: DoctorParts): Doctor {
  const steps = stepsOf(runbooks, config);
  const hosts = Object.keys(config.hosts);
  const artisan = [...new Set(steps.flatMap(({ artisan: called }) => called))].sort();

  return {
    async examine({ sendTest }) {
      const at = now();
      const until = at + daysAhead * day;
      const people = examinePeople(runbooks, { at, until, config });
      const ids = [...new Set(people.roster.flatMap(({ held }) => held.flatMap((span) => span.people)))].sort();
      const temporal = await examineTemporal(client, { address: config.temporal.address, namespace: config.temporal.namespace, hosts });
      const asked = hosts.filter((host) => temporal.polled.has(queues.host(host)));
      const answers = temporal.polled.has(queues.incidents) ? await answersOf({ hosts: asked, artisan, channels: { people: ids, ...(sendTest && { test: randomUUID() }) } }) : { silent: 'no incident worker is there to ask' };
      const checks = [
        ...people.checks,
        ...examineSettings(config, await modes().catch(() => undefined)),
        ...examineTokens(config, at, until),
        ...temporal.checks,
        ...('silent' in answers ? [{ area: 'workers', subject: 'doctor', state: 'finding', says: `channels and hosts could not be looked at: ${answers.silent}`, remedy: 'start worker incidents' } satisfies Check] : [...examineChannels(answers.answer.channels), ...answers.answer.hosts.flatMap(({ host, answered }) => ofHost(host, answered))]),
      ];
      const ways = 'answer' in answers && 'answer' in answers.answer.channels ? answers.answer.channels.answer.people : [];
      return {
        at,
        until,
        green: checks.every(({ state }) => state !== 'finding'),
        checks,
        runbooks: people.runbooks,
        roster: people.roster,
        people: ids.map((id) => ({ id, name: config.people[id]?.name ?? id, ways: ways.find((one) => one.id === id)?.ways ?? [] })),
      };
    },
  };

  async function answersOf(input: Parameters<typeof doctorWorkflow>[0]): Promise<Answered<DoctorAnswers>> {
    try {
      const answer = await within(client, answersWithinMs, () =>
        client.workflow.execute<typeof doctorWorkflow>('doctor', { workflowId: `doctor/${randomUUID()}`, taskQueue: queues.incidents, args: [input], workflowExecutionTimeout: answersWithinMs, staticSummary: 'Doctor: looks whether everything is ready' }),
      );
      return { answer };
    } catch (error) {
      return { silent: error instanceof Error ? error.message : String(error) };
    }
  }

  function ofHost(host: string, answered: DoctorAnswers['hosts'][number]['answered']): Check[] {
    if ('silent' in answered) return [{ area: 'hosts', subject: host, state: 'finding', says: answered.silent, remedy: `start worker host:${host} on it, with the same config` }];
    const { user, looks } = answered.answer;
    const root = user === 'root' ? [{ area: 'hosts', subject: host, state: 'note', says: 'its worker runs as root, which may do more than it should: docs/permissions.md' } satisfies Check] : [];
    return [...root, ...looks.flatMap((one) => ofLook(host, one))];
  }

  function ofLook(host: string, { right, state, says, remedy, command }: HostLook): Check[] {
    const needing = steps.filter((step) => (command === undefined ? step.rights.includes(right) : step.artisan.includes(command)));
    // What only steps need that are never run is nobody's loss.
    if (state !== 'ok' && needing.length === 0) return [];
    return [{ area: 'hosts', subject: `${host}: ${right}`, state, says, ...(remedy && { remedy }), ...(state !== 'ok' && { steps: needing.map(({ name }) => name) }) }];
  }
}

/** A step that may run by the config, with what its commands need. */
interface NeedyStep {
  name: string;
  rights: RightName[];
  artisan: string[];
}

function stepsOf(runbooks: readonly PlainRunbook[], { automation }: Pick<Config, 'automation'>): NeedyStep[] {
  return runbooks.flatMap(({ type, diagnose, resolve }) => {
    // As src/workflows/act.ts decides it.
    const allowed = resolve.flatMap(({ title, acts }) => acts.filter(({ risk }) => (automation[`${type}/${title}`] ?? automation[type] ?? automation[risk]) !== 'never').map(({ command }) => ({ title, command })));
    const byTitle = new Map<string, string[]>();
    for (const { title, command } of [...diagnose, ...allowed]) byTitle.set(title, [...(byTitle.get(title) ?? []), command]);
    return [...byTitle].map(([title, commands]) => ({
      name: `${type}: ${title}`,
      rights: [...new Set(commands.flatMap(rightsOf))],
      artisan: [...new Set(commands.flatMap((command) => [...command.matchAll(/\bartisan ([a-z][\w-]*(?::[\w-]+)+|tinker)/g)].map(([, name = '']) => name)))],
    }));
  });
}
