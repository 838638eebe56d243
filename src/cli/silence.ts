import type { Command } from 'commander';
import { DateTime } from 'luxon';
import { milliseconds } from '../config/duration.js';
import { endOf, type SilenceView } from '../domain/silence.js';
import { recordText } from './arguments.js';
import type { Connect } from './cli.js';
import { UsageError } from './cli-error.js';
import { localAndRelative, localTime } from './clock.js';
import { examples } from './help.js';
import { indent, type Ink, table } from './output.js';
import { oneLine } from './plain-text.js';

interface Times {
  from?: string;
  until?: string;
  for?: string;
}

/** `responder silence add|list|expire`: alerts that are held for a while, such as those of a maintenance window. */
export function addSilence(program: Command, connect: Connect): void {
  const silence = program
    .command('silence')
    .description('hold alerts for a while: silences and maintenance windows')
    .addHelpText('after', examples('silence add target=app-1:/var --for 2h --reason "volume is being moved"', 'silence list', 'silence expire 7c41f0a2'));

  silence
    .command('add')
    .description('hold the alerts that fit all matchers, from now or later; what still fires at the end pages then')
    .argument('<matcher...>', 'label=value, label!=value, label=~pattern or label!~pattern; our own labels: runbook, target, environment')
    .option('--for <duration>', 'how long: 30m, 2h; 31d at most')
    .option('--from <time>', 'when it starts, of the local time zone if it names none (default: now)')
    .option('--until <time>', 'when it ends, instead of --for')
    .requiredOption('--reason <text>', 'why, for the record', recordText)
    .addHelpText('after', examples(
      'silence add target=app-1:/var --for 2h --reason "volume is being moved"',
      'silence add environment=staging --from 2026-12-24T22:00 --until 2026-12-25T02:00 --reason "upgrade"',
      'silence add runbook=webhookDeliveryFailures webhook=~"1[0-9]" --for 30m --reason "partner restarts"',
    ))
    .action(async (matchers: string[], { reason, ...times }: Times & { reason: string }, command: Command) => {
      const { startsAt, endsAt } = momentsOf(times, Date.now());
      const { api, out } = connect(command);
      const added = await api.addSilence({ matchers, ...(startsAt !== undefined && { startsAt: isoOf(startsAt) }), endsAt: isoOf(endsAt), reason });
      out.result(added, () => silencesText([added], out.ink));
    });

  silence
    .command('list')
    .description('silences that hold or will hold alerts, and what they hold')
    .option('--all', 'those that ended in the last week too, and what became of what they held')
    .addHelpText('after', examples('silence list', 'silence list --all --json'))
    .action(async ({ all }: { all?: true }, command: Command) => {
      const { api, out } = connect(command);
      const silences = (await api.silences()).filter(({ state }) => all === true || state !== 'expired');
      out.result({ silences }, () => (silences.length > 0 ? silencesText(silences, out.ink) : 'No alert is silenced.'));
    });

  silence
    .command('expire')
    .description('end a silence now; what it holds and still fires pages')
    .argument('<id>', 'of the silence: 6 or more characters of it')
    .addHelpText('after', examples('silence expire 7c41f0a2'))
    .action(async (id: string, _flags: object, command: Command) => {
      const { api, out } = connect(command);
      const expired = await api.expireSilence(id);
      out.result(expired, () => silencesText([expired], out.ink));
    });
}

function momentsOf({ from, until, for: length }: Times, now: number): { startsAt?: number; endsAt: number } {
  if ((until === undefined) === (length === undefined)) throw new UsageError('give --for or --until: a silence has an end.', 'For example: --for 2h');
  const startsAt = from === undefined ? undefined : momentOf('--from', from);
  if (until !== undefined) return { ...(startsAt !== undefined && { startsAt }), endsAt: momentOf('--until', until) };
  const ms = milliseconds(length ?? '');
  if (ms === undefined) throw new UsageError(`--for must be a duration, not ${JSON.stringify(length)}`, 'For example: --for 30m, --for 2h');
  return { ...(startsAt !== undefined && { startsAt }), endsAt: (startsAt ?? now) + ms };
}

function momentOf(flag: string, text: string): number {
  const moment = DateTime.fromISO(text);
  if (moment.isValid) return moment.toMillis();
  throw new UsageError(`${flag} must be a moment, not ${JSON.stringify(text)}`, `For example: ${flag} 2026-12-24T18:00`);
}

function isoOf(at: number): string {
  return new Date(at).toISOString();
}

function silencesText(silences: SilenceView[], ink: Ink): string {
  return silences.map((one) => silenceText(one, ink)).join('\n\n');
}

function silenceText(silence: SilenceView, ink: Ink): string {
  const { id, state, matchers, startsAt, author, reason, expired, held } = silence;
  const now = Date.now();
  const word = { active: ink.yellow('active'), pending: 'pending', expired: ink.dim('expired') }[state] ?? oneLine(state);
  const fits = matchers.map(({ name, operator, value }) => oneLine(`${name}${operator}${JSON.stringify(value)}`)).join(' ');
  const ends = `${localAndRelative(endOf(silence), now)}${expired ? `, ended by ${oneLine(expired.by)}` : ''}`;
  const rows = held.map((one) => [
    { held: ink.yellow('held'), resolved: 'resolved', paged: 'paged' }[one.became] ?? oneLine(one.became),
    oneLine(one.severity),
    oneLine(one.fingerprint),
    String(one.count),
    localTime(one.lastAt, now),
    oneLine(one.title),
    one.incidentId ?? '',
  ]);
  return [
    `${ink.bold(oneLine(id.slice(0, 8)))}  ${word}  ${fits}`,
    `  ${localTime(startsAt, now)} until ${ends}`,
    `  ${oneLine(author)}: ${oneLine(reason)}`,
    ...(rows.length > 0 ? [indent(table(['', 'severity', 'runbook/target', 'count', 'last', 'alert', 'incident'], rows, ink), 2)] : ['  It held no alert so far.']),
  ].join('\n');
}
