import type { Command } from 'commander';
import type { Trial, TrialRunbook } from '../trial.js';
import type { Connect } from './cli.js';
import { duration, localTime } from './clock.js';
import { examples } from './help.js';
import { indent, type Ink, table } from './output.js';
import { oneLine } from './plain-text.js';

/** `responder trial`: what would have been done and asked while the automation only looked on. */
export function addTrial(program: Command, connect: Connect): void {
  program
    .command('trial')
    .description('what would have been done and asked in incidents that only looked on (mode observe-only or dry-run)')
    .option('--since <duration>', 'how far back, by when an incident was opened: 12h, 14d', '14d')
    .addHelpText('after', examples('trial', 'trial --since 2d --json'))
    .action(async ({ since }: { since: string }, command: Command) => {
      const { api, out } = connect(command);
      const trial = await api.trial(since);
      out.result(trial, () => trialText(trial, out.ink));
    });
}

function trialText({ since, until, incidents, unreadable, runbooks }: Trial, ink: Ink): string {
  const looked = runbooks.reduce((sum, one) => sum + one.incidents, 0);
  const head = `Since ${localTime(since, until)}: ${looked} of ${incidents} incidents only looked on.`;
  return [
    head,
    ...(unreadable > 0 ? [ink.yellow(`${unreadable} stored reports can't be read, and are not counted.`)] : []),
    ...runbooks.map((one) => runbookText(one, ink)),
    ...(looked > 0 ? [ink.dim('Each act stands here as if none before it had helped: in earnest, proof of recovery ends a run.')] : []),
  ].join('\n\n');
}

function runbookText({ runbook, title, incidents, ended, toPage, would }: TrialRunbook, ink: Ink): string {
  const ends = ended.map(({ as, incidents: count, median }) => `${count} ${oneLine(as)}${median === undefined ? '' : `, after ${duration(median)}`}`);
  const rows = would.map(({ step, act, risk, approval, command, incidents: count }) => [
    approval === 'at once' ? 'by itself' : ink.yellow('would ask'),
    risk,
    String(count),
    oneLine(act === step ? act : `${step} – ${act}`),
    oneLine(command),
  ]);
  return [
    ink.bold(`${oneLine(runbook)}: ${oneLine(title)}`),
    `  Incidents: ${incidents}. How they ended: ${ends.join('; ')}.`,
    `  First page: ${toPage ? `after ${duration(toPage.median)}, ${duration(toPage.longest)} at most` : 'nobody was paged'}.`,
    ...(rows.length > 0 ? [indent(table(['', 'risk', 'incidents', 'act', 'command'], rows, ink), 2)] : ['  Nothing would have been done.']),
  ].join('\n');
}
