import type { Command } from 'commander';
import { ConfigError, loadConfig } from '../config.js';
import type { Simulation } from '../simulate/simulation.js';
import { wholeNumber } from './arguments.js';
import { CliError, UsageError } from './cli-error.js';
import type { Cli, Connect } from './cli.js';
import { duration, localAndRelative, localTime } from './clock.js';
import { examples } from './help.js';
import { severityWord } from './incident-words.js';
import { momentOf } from './oncall.js';
import { indent, type Ink, table } from './output.js';
import { oneLine } from './plain-text.js';
import { shortened, timelineLine } from './story.js';

interface Flags {
  target?: string;
  scenario: string;
  at?: string;
  hours: number;
}

/** `responder simulate`: a night that does not happen, by the code and the config of those that do. */
export function addSimulate(program: Command, connect: Connect): void {
  program
    .command('simulate')
    .description('play an incident with the config on skipped time: who is paged, when, by which channel, what would run and be asked, and how it ends')
    .argument('<runbook>', 'as catalogue names it')
    .option('--scenario <name>', 'nobody-answers, ack-then-silence, approval-expires, or recovers-at=20m', 'nobody-answers')
    .option('--target <name>', 'what it is about, as in an alert (default: the first of the config that fits)')
    .option('--at <time>', 'begin then: 2026-12-24T18:00, of the local time zone if it names none (default: now)')
    .option('--hours <number>', 'how long to look', wholeNumber({ from: 1, to: 72, unit: 'hours' }), 2)
    .addHelpText(
      'after',
      `
Runs here, with the config of RESPONDER_CONFIG and its secrets, and asks no server. Nothing is sent, and no host is touched: every
condition is taken to hold, and nothing that is done helps. It begins in mode automatic, with no other incident open.

Exit code: 0 everybody was reached, 1 somebody would not be, another one if it could not be played.
${examples('simulate diskSpaceCritical', 'simulate databaseConnectionFailures --scenario ack-then-silence --at 2026-12-24T18:00', 'simulate sslCertificateExpiry --scenario recovers-at=20m --hours 1 --json')}`,
    )
    .action(async (runbook: string, flags: Flags, command: Command) => {
      const cli = connect(command);
      const simulation = await played(cli, runbook, flags);
      cli.out.result(simulation, () => simulationText(simulation, cli.out.ink));
      if (simulation.problems.length > 0) cli.endWith('findings');
    });
}

async function played(cli: Cli, runbook: string, { target, scenario: name, at, hours }: Flags): Promise<Simulation> {
  // Only here: workers and every channel are in it, which no other command needs.
  const [{ NotThere, simulate }, { readScenario, scenarioWords }] = await Promise.all([import('../simulate/simulate.js'), import('../simulate/scenario.js')]);
  const scenario = readScenario(name);
  if (!scenario) throw new UsageError(`there is no scenario ${JSON.stringify(name)}.`, `There are ${scenarioWords}.`);
  const moment = at === undefined ? undefined : momentOf(at, 'simulate diskSpaceCritical').getTime();
  if (moment !== undefined && moment < cli.now() - 60_000) throw new UsageError(`--at ${at} is in the past: a simulation begins now or later.`);
  const signal = cli.interruption();
  try {
    const config = loadConfig({ env: cli.env });
    return await simulate({ config, runbook, target, scenario, scenarioName: name, at: moment, hours, signal, onProgress: (line) => cli.out.aside(line) });
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    if (error instanceof NotThere) throw new UsageError(error.message);
    if (signal.aborted) throw new CliError({ error: 'interrupted', exit: 'interrupted', message: 'interrupted: nothing was sent or done.' });
    // 1 is for those who would not be reached alone.
    throw new CliError({ error: 'simulation_failed', exit: 'temporalUnreachable', message: oneLine(error instanceof Error ? error.message : String(error)), cause: error });
  }
}

function simulationText(simulation: Simulation, ink: Ink): string {
  const { runbook, title, target, severity, scenario, at, until, looks, acts, asks, timeline, problems } = simulation;
  const after = (moment: number): string => minutesAfter(moment - at);
  const heading = `${oneLine(title)} (${runbook}, ${severityWord(severity, ink)}) on ${oneLine(target)}, ${scenario}, from ${localTime(at, 0)}, ${duration(until - at)}.`;
  const actRows = acts.map(({ run, startedAt, step, act, risk, outcome }) => [after(startedAt), String(run), risk, oneLine(act === step ? act : `${step} – ${act}`), shortened(outcome, 90)]);
  const askRows = asks.map(({ id, askedAt, act, risk, answer }) => [after(askedAt), id, risk, oneLine(act), answer ? `${answer.answer} after ${minutesAfter(answer.at - askedAt)}` : ink.yellow('open')]);
  return [
    `${ink.bold('Simulated:')} ${heading}\n${ink.dim('Nothing was sent, and no host was touched.')}`,
    ink.bold('Who would be told'),
    table(['after', 'at', 'who', 'by', 'address', 'what'], pageRows(simulation, ink), ink),
    ink.bold('What would be looked at'),
    looks.map((look) => `  ${shortened(look, 140)}`).join('\n') || '  nothing',
    ink.bold('What would be done'),
    actRows.length > 0 ? table(['after', 'run', 'risk', 'act', 'outcome'], actRows, ink) : '  nothing',
    ink.bold('What would be asked'),
    askRows.length > 0 ? table(['after', 'id', 'risk', 'act', 'answer'], askRows, ink) : '  nothing',
    ink.bold('Timeline'),
    indent(timeline.map((entry) => timelineLine({ ...entry, text: shortened(entry.text, 160) }, { ink, now: at })).join('\n'), 2),
    ink.bold('How it ends'),
    indent(endText(simulation), 2),
    ...(problems.length > 0 ? [ink.red(`Not everybody would be reached as the config means it:\n${problems.map((problem) => `  ${oneLine(problem)}`).join('\n')}`)] : []),
  ].join('\n\n');
}

function pageRows({ at, pages }: Simulation, ink: Ink): string[][] {
  return pages.map(({ at: sentAt, kind, person, name, channel, address, subject, late, why = '' }) => [
    minutesAfter(sentAt - at),
    localTime(sentAt, at),
    person === 'nobody' ? ink.red('NOBODY') : oneLine(name === undefined || name === person ? person : `${name} (${person})`),
    channel,
    oneLine(address),
    `${oneLine(lastPart(subject))}${kind === 'page' && why !== '' ? `: ${oneLine(why)}` : ''}${late ? ink.red(' (late)') : ''}`,
  ]);
}

/** What a subject says after its incident: `Level 1 (repeat 1)`, `Approve 1.1 Clear Cache Files?`. */
function lastPart(subject: string): string {
  return subject.split(' – ').at(-1) ?? subject;
}

function endText({ at, until, end, runs }: Simulation): string {
  const { state, level, waitingFor, closedAt, closedAs, nextPage } = end;
  const last = runs.at(-1);
  const lines = [
    closedAt === undefined ? `After ${duration(until - at)} it is ${state} at level ${level}${waitingFor === '' ? '' : `, and waits for ${oneLine(waitingFor)}`}.` : `It closes after ${minutesAfter(closedAt - at)} as ${closedAs ?? state}.`,
    ...(nextPage && closedAt === undefined ? [`Next page: ${oneLine(nextPage.who)}, ${localAndRelative(nextPage.at, until)}.`] : []),
    `Runs: ${runs.length}, of them ${runs.filter(({ kind }) => kind === 'check').length} that only check${last ? `; the last one ${last.end ?? 'goes on'}` : ''}.`,
  ];
  return lines.join('\n');
}

function minutesAfter(ms: number): string {
  return duration(Math.round(ms / 60_000) * 60_000 || Math.round(ms / 1_000) * 1_000);
}
