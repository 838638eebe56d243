import type { Command } from 'commander';
import { DateTime } from 'luxon';
import type { OnCall } from '../roster/on-call.js';
import type { Connect } from './cli.js';
import { UsageError } from './cli-error.js';
import { localAndRelative, localTime } from './clock.js';
import { examples } from './help.js';
import { type Ink, table } from './output.js';
import { oneLine } from './plain-text.js';

/** What `GET /api/oncall` answers. `at` in ms since the epoch. */
export interface OnCallList {
  at: number;
  roles: OnCall[];
}

/** `responder oncall`: whom a page would reach, and when that changes. */
export function addOnCall(program: Command, connect: Connect): void {
  program
    .command('oncall')
    .description('who is on call for each role, and the next hand-overs')
    .option('--at <time>', 'at another moment: 2026-12-24T18:00, of the local time zone if it names none')
    .addHelpText('after', examples('oncall', 'oncall --at 2026-12-24T18:00', 'oncall --json'))
    .action(async ({ at }: { at?: string }, command: Command) => {
      const moment = at === undefined ? undefined : momentOf(at, 'oncall');
      const { api, out } = connect(command);
      const list = await api.onCall(moment);
      out.result(list, () => onCallText(list, out.ink));
    });
}

/** Reads `--at` of a command. Throws `UsageError`. */
export function momentOf(text: string, command: string): Date {
  const moment = DateTime.fromISO(text);
  if (moment.isValid) return moment.toJSDate();
  throw new UsageError(`--at must be a moment, not ${JSON.stringify(text)}`, `For example: responder ${command} --at 2026-12-24T18:00`);
}

function onCallText({ at, roles }: OnCallList, ink: Ink): string {
  const rows = roles.map(({ role, people, by, reason, next }) => [
    oneLine(role),
    people.length > 0 ? names(people) : ink.red('NOBODY'),
    by === 'standing in' ? ink.yellow('nobody holds it: the Escalation contact') : oneLine(reason === undefined ? by : `${by}: ${reason}`),
    next ? `${localAndRelative(next.at, at)}: ${names(next.people)}` : '',
  ]);
  return `${ink.dim(`At ${localTime(at, Date.now())}`)}\n\n${table(['role', 'is paged', 'by', 'next'], rows, ink)}`;
}

function names(people: { id: string; name: string }[]): string {
  return people.map(({ id, name }) => oneLine(name === id ? id : `${name} (${id})`)).join(', ') || 'nobody';
}
