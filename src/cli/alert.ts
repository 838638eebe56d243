import { Option, type Command } from 'commander';
import { severities } from '../domain/severity.js';
import type { AcceptedAlert } from './api.js';
import { label, recordText } from './arguments.js';
import type { Cli, Connect } from './cli.js';
import { UsageError } from './cli-error.js';
import { examples } from './help.js';
import { table } from './output.js';
import { oneLine } from './plain-text.js';

interface AlertFlags {
  file?: string;
  format?: string;
  runbook?: string;
  target?: string;
  title?: string;
  status?: 'firing' | 'resolved';
  severity?: string;
  description?: string;
  label?: Record<string, string>;
}

/** `responder open`: a person opens an incident. */
export function addOpen(program: Command, connect: Connect): void {
  program
    .command('open')
    .description('open an incident yourself; joins the one that is open for the same target')
    .argument('<runbook>', 'the runbook: `responder runbooks` lists them')
    .option('--target <name>', "what it is about, by its name in the server's config; without it the default")
    .requiredOption('--title <text>', 'what is wrong, in a line', recordText)
    .addOption(new Option('--severity <severity>', "instead of the runbook's own").choices(severities))
    .addHelpText(
      'after',
      examples(
        'open diskSpaceCritical --target app-1:/var/www --title "uploads fail"',
        'open generalTroubleshooting --title "customers see blank pages" --severity High',
      ),
    )
    .action(async (runbook: string, flags: { target?: string; title: string; severity?: string }, command: Command) => {
      const cli = connect(command);
      tellAccepted(cli, await cli.api.open({ runbook, ...flags }));
    });
}

/** `responder alert`: sends an alert as a monitoring system would, from flags, a file or the standard input. */
export function addAlert(program: Command, connect: Connect): void {
  program
    .command('alert')
    .description('send an alert as a monitoring system does (with RESPONDER_ALERT_TOKEN)')
    .option('--runbook <type>', 'the runbook it is for; without it the labels decide')
    .option('--target <name>', "what it is about, by its name in the server's config")
    .option('--title <text>', 'what is wrong, in a line', recordText)
    .addOption(new Option('--status <status>', 'whether it goes on (default: firing)').choices(['firing', 'resolved']))
    .addOption(new Option('--severity <severity>', "instead of the runbook's own").choices(severities))
    .option('--description <text>', 'more about it', recordText)
    .option('--label <name=value>', 'a label; may be repeated', label)
    .option('--file <path>', 'send this JSON as it is; - is the standard input, which is also read if no alert is given by flags')
    .option('--format <name>', 'with --file: the format, if it is not our own, such as alertmanager')
    .addHelpText(
      'after',
      `${examples(
        'alert --runbook diskSpaceCritical --target app-1:/var/www --title "disk at 95 %"',
        'alert --runbook diskSpaceCritical --target app-1:/var/www --title "disk at 95 %" --status resolved',
        'alert --format alertmanager --file captured.json',
      )}\n  $ my-monitor --json | responder alert`,
    )
    .action(async (flags: AlertFlags, command: Command) => {
      const cli = connect(command);
      tellAccepted(cli, await cli.api.alert(await alertBody(cli, flags), flags.format));
    });
}

/** `responder route`: where the alerts of a file would go, and why. */
export function addRoute(program: Command, connect: Connect): void {
  program
    .command('route')
    .description('say which runbook and target the alerts of a file would go to, and why; opens nothing')
    .argument('<file>', "JSON as a monitor sends it; - is the standard input")
    .option('--format <name>', 'its format, if it is not our own, such as alertmanager')
    .addHelpText('after', examples('route captured.json --format alertmanager', 'route alert.json'))
    .action(async (file: string, { format }: { format?: string }, command: Command) => {
      const cli = connect(command);
      const alerts = await cli.api.route(jsonOf(await cli.input(file), file === '-' ? 'the standard input' : file), format);
      cli.out.result({ alerts }, () => {
        if (alerts.length === 0) return 'The server found no alert in it.';
        const rows = alerts.map((alert) => [
          oneLine(alert.title),
          oneLine(alert.status),
          oneLine(`${alert.runbook}/${alert.target}`) + (alert.targetIsClear ? '' : ' (not clear: only observes)'),
          oneLine(alert.because),
        ]);
        return table(['alert', 'status', 'runbook/target', 'because'], rows, cli.out.ink);
      });
    });
}

async function alertBody(cli: Cli, { file, format, ...alert }: AlertFlags): Promise<unknown> {
  const byFlags = Object.keys(alert).length > 0;
  if (file === undefined && byFlags) {
    if (format !== undefined) throw new UsageError('--format goes with --file: an alert from flags is in our own format.');
    if (alert.title === undefined) throw new UsageError('an alert needs --title.');
    const { label: labels, status = 'firing', ...rest } = alert;
    return { ...rest, status, ...(labels === undefined ? {} : { labels }) };
  }
  if (byFlags) throw new UsageError('give the alert by flags or by --file, not both.');
  if (file === undefined && cli.stdinIsTerminal)
    throw new UsageError('no alert: give --title and --runbook, or --file, or JSON on the standard input.');
  return jsonOf(await cli.input(file ?? '-'), file === undefined || file === '-' ? 'the standard input' : file);
}

function jsonOf(text: string, from: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new UsageError(`${from} holds no JSON: ${oneLine(error instanceof Error ? error.message : String(error))}`);
  }
}

function tellAccepted({ out, typed, endWith }: Cli, alerts: AcceptedAlert[]): void {
  // Kept for sure, but not known to have opened anything: a script must be able to notice.
  const some = (state: AcceptedAlert['state']): boolean => alerts.some((alert) => alert.state === state);
  if (some('queued') || some('accepted')) endWith('notYetApplied');
  out.result({ alerts }, () => {
    if (alerts.length === 0) return 'The server found no alert in it.';
    const rows = alerts.map((alert) => [stateWords(alert.state), oneLine(alert.fingerprint), alert.incidentId ?? '']);
    const first = alerts.find((alert) => alert.incidentId !== null && alert.state !== 'ignored');
    const accepted = some('accepted') ? '\n\nAccepted: the server keeps it, and Temporal gets it as soon as it can. `responder incidents` shows it then.' : '';
    const queued = some('queued')
      ? '\n\nQueued: Temporal keeps it, but did not say in time what it opened or joined. `responder incidents` shows it.'
      : '';
    const next = first?.incidentId ? `\n\n${out.ink.green('→')} ${typed(`watch ${first.incidentId}`)}` : '';
    return `${table(['alert', 'runbook/target', 'incident'], rows, out.ink)}${queued}${accepted}${next}`;
  });
}

function stateWords(state: AcceptedAlert['state']): string {
  const words = {
    opened: 'opened',
    joined: 'joined the open incident',
    queued: 'queued',
    silenced: 'held by a silence: pages when that ends, if it still fires',
    accepted: 'accepted',
    ignored: 'ignored: it says resolved and nothing is open',
  };
  return words[state] ?? oneLine(state);
}
