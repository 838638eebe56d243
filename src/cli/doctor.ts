import type { Command } from 'commander';
import type { Check, Examination, Holding, PagedLevel } from '../domain/doctor.js';
import { CliError } from './cli-error.js';
import type { Connect } from './cli.js';
import { duration, localTime } from './clock.js';
import { examples } from './help.js';
import { indent, type Ink, table } from './output.js';
import { oneLine } from './plain-text.js';

/** The server waits for workers for 55 s. */
const answersWithinSeconds = 70;

/** `responder doctor`: whether everything is ready for a night. */
export function addDoctor(program: Command, connect: Connect): void {
  program
    .command('doctor')
    .description('who would be paged by each runbook now and in the next 14 days, by which channel, and whether all that takes part is ready')
    .option('--send-test', 'also send a test page to everybody who may be paged, on each of their channels')
    .option('--all', 'show what is in order too')
    .addHelpText('after', `\nExit code: 0 all in order, 1 there are findings, another one if it could not be asked.\n${examples('doctor', 'doctor --send-test', 'doctor --json')}`)
    .action(async ({ sendTest = false, all = false }: { sendTest?: boolean; all?: boolean }, command: Command) => {
      const { api, out, endWith } = connect(command, answersWithinSeconds);
      const found = await api.doctor({ sendTest }).catch((error: unknown) => {
        // 1 is for findings alone.
        throw error instanceof CliError && error.exit === 'unexpected' ? new CliError({ error: error.error, message: error.message, next: error.next, exit: 'serverUnreachable', cause: error }) : error;
      });
      out.result(found, () => doctorText(found, { all, ink: out.ink }));
      if (!found.green) endWith('findings');
    });
}

function doctorText({ at, until, green, checks, runbooks, roster, people }: Examination, { all, ink }: { all: boolean; ink: Ink }): string {
  const of = (state: Check['state']): Check[] => checks.filter((check) => check.state === state);
  const rows = [...of('finding'), ...of('note'), ...(all ? of('ok') : [])].map((check) => row(check, ink));
  return [
    green ? ink.green(`All in order: ${of('ok').length} checks, ${of('note').length} notes.`) : ink.red(`${of('finding').length} findings, ${of('note').length} notes; ${of('ok').length} checks are in order.`),
    ...(rows.length > 0 ? [table(['', 'where', 'about', 'what'], rows, ink)] : []),
    ink.bold('Who is paged, if nobody acknowledges'),
    table(['runbook', 'severity', 'level', 'role, minutes after the alert'], runbooks.flatMap(({ runbook, severity, levels }) => levels.map((level, index) => (index === 0 ? [oneLine(runbook), severity, ...levelCells(level)] : ['', '', ...levelCells(level)]))), ink),
    ink.bold(`Who holds which role until ${localTime(until, at)}`),
    table(['role', 'until', 'people'], roster.flatMap(({ role, held }) => held.map((span, index) => [index === 0 ? role : '', span.until >= until ? '' : localTime(span.until, at), holdersCell(span, ink)])), ink),
    ink.bold('How they are reached'),
    table(['person', 'ways, in the order in which they are tried', 'state', 'what it says'], people.flatMap((person) => wayRows(person, ink)), ink),
  ].join('\n\n');
}

function wayRows({ id, ways }: Examination['people'][number], ink: Ink): string[][] {
  if (ways.length === 0) return [[oneLine(id), ink.red('not known'), '', '']];
  return ways.map(({ channel, address, afterMs, looked, test }, index) => {
    const { state, says } = test ?? looked;
    const shown = state === 'works' ? ink.green(state) : state === 'is there' ? ink.yellow(state) : ink.red(state);
    return [index === 0 ? oneLine(id) : '', `${channel} to ${oneLine(address)}${afterMs ? `, after ${duration(afterMs)}` : ''}`, test ? `${shown} (test page)` : shown, oneLine(says)];
  });
}

function row({ area, subject, state, says, remedy, steps = [] }: Check, ink: Ink): string[] {
  const mark = { finding: ink.red('finding'), note: ink.yellow('note'), ok: ink.green('ok') }[state];
  const more = [...(steps.length > 0 ? [`stops ${oneLine(steps.slice(0, 4).join(', '))}${steps.length > 4 ? ` and ${steps.length - 4} more (--json)` : ''}`] : []), ...(remedy ? [oneLine(remedy)] : [])];
  return [mark, area, oneLine(subject), [oneLine(says), ...more.map((line) => indent(ink.dim(line), 2))].join('\n')];
}

function levelCells({ level, roles }: PagedLevel): string[] {
  return [String(level), roles.map(({ role, afterMs }) => `${oneLine(role)} ${afterMs === 0 ? 'at once' : `after ${duration(afterMs)}`}`).join(', ')];
}

function holdersCell({ people, standsIn }: Holding, ink: Ink): string {
  const names = people.map(oneLine).join(', ') || 'nobody';
  return standsIn || people.length === 0 ? ink.red(`${names}${standsIn ? ' (Escalation contact, standing in)' : ''}`) : names;
}
