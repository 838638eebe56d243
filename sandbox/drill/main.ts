import { once, setMaxListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import { faults, type Fault } from '../faults/index.js';
import { drill, type DrillResult, isCured, type Teller } from './drill.js';
import { gameDay, type PartResult, playGameDay } from './game-day.js';
import type { Script } from './responder.js';
import { openSite, type Site } from './site.js';
import { gameDayTable } from './table.js';

/** Thirty times faster than life: a 10 min watch takes 20 s, level 2 is due after 30 s. */
const scale = 1 / 30;

const pace = `Times are those of the runbooks, ${Math.round(1 / scale)} times faster: a watch of 10 min takes ${600 * scale} s, level 2 is due after ${900 * scale} s.`;

/** The person of the drill: says yes to what cures, and leaves open what would lose something for nothing. */
const script: Script = (act) => (act === 'Delete all sessions' ? { approve: true, reason: '' } : undefined);

const program = new Command('drill')
  .description('Puts a real fault into an AuthOS sandbox, sends its alert, and follows the incident until it is closed.')
  .argument('[runbook]', 'runbook to drill', 'diskSpaceCritical')
  .option('--fault <name>', 'which of its faults')
  .option('--all', 'game day: every runbook, then three at once, then a database outage with its symptoms')
  .option('--list', 'list runbooks and faults')
  .option('--keep', 'leave everything running afterwards, until Ctrl-C')
  .option('--json', 'print the result as one JSON document')
  .option('--http-port <port>', 'port of our HTTP server (default: a free one)', port)
  .option('--ui-port <port>', 'port of the Temporal UI (default: a free one)', port)
  .addHelpText(
    'after',
    `
Exit code: 0 every incident closed as recovered and its fault is gone · 1 not so, or something broke · 2 usage · 130 Ctrl-C

Examples:
  npm run drill
  npm run drill -- --keep
  npm run drill -- diskSpaceCritical --json
  npm run drill -- --all`,
  );

await main();

interface Options {
  fault?: string;
  all?: boolean;
  list?: boolean;
  keep?: boolean;
  json?: boolean;
  httpPort?: number;
  uiPort?: number;
}

/** What a drill of one fault and a game day both stand on. */
interface Ground extends Pick<Options, 'httpPort' | 'uiPort'> {
  folder: string;
  tell: Teller;
  signal: AbortSignal;
}

async function main(): Promise<void> {
  program.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2)).parse();
  const options = program.opts<Options>();
  if (options.list) return list();
  if (options.all && (program.args.length > 0 || options.fault !== undefined || options.keep)) usage('--all is every runbook, and leaves nothing running');
  const fault = chosen(program.processedArgs[0] as string, options.fault);
  const signal = interruption();
  const startedAt = Date.now();
  const elapsed = (): string => pc.dim(`${((Date.now() - startedAt) / 1_000).toFixed(1).padStart(5)} s`);
  const tell = { line: (text: string) => say(`${elapsed()}  ${text}`), heading: (text: string) => say(`${elapsed()}  ${pc.bold(text)}`) };
  const folder = await mkdtemp(join(tmpdir(), 'authos-responder-drill-'));
  const ground: Ground = { folder, tell, signal, httpPort: options.httpPort, uiPort: options.uiPort };
  let code = 1;
  try {
    code = options.all ? await drillAll(ground, options.json ?? false) : await drillOne(ground, fault, options);
  } catch (error) {
    if (signal.aborted) code = 130;
    else fail(error, options.json ?? false);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  process.exit(code);
}

async function drillOne({ folder, tell, signal, httpPort, uiPort }: Ground, fault: Fault, { json = false, keep = false }: Options): Promise<number> {
  let site: Site | undefined;
  try {
    tell.heading('Starting Temporal, PostgreSQL, Valkey, an AuthOS host, a mail server, our server and workers');
    site = await openSite({ folder, scale, host: fault.needs?.(scale), onProgress: tell.line, signal, httpPort, uiPort });
    tell.line(`Ready. ${pace}`);
    const result = await drill(site, fault, fault.answers ?? script, tell, signal);
    const code = isCured(result) ? 0 : 1;
    conclude(result, code, json);
    if (!keep) return code;
    tell.heading('Everything is left running until Ctrl-C');
    say(`  RESPONDER_URL=${site.url} RESPONDER_TOKEN=${site.tokens.people['ops-primary'] ?? ''} bin/responder show ${result.incident}`);
    if (!signal.aborted) await once(signal, 'abort');
    return 130;
  } finally {
    await site?.stop();
  }
}

/** Game day. Tells what happens on the way, and what came of it at the end, even of a part that broke. */
async function drillAll({ folder, tell, signal, httpPort, uiPort }: Ground, json: boolean): Promise<number> {
  const startedAt = Date.now();
  tell.line(pace);
  const parts = await playGameDay({ parts: gameDay(), site: { folder, scale, onProgress: tell.line, signal, httpPort, uiPort }, script, tell });
  const code = parts.every(({ broke, results }) => broke === undefined && results.every(isCured)) ? 0 : 1;
  const minutes = Math.round((Date.now() - startedAt) / 6_000) / 10;
  if (json) process.stdout.write(`${JSON.stringify({ ok: code === 0, minutes, parts: parts.map(withoutReports) }, null, 2)}\n`);
  else say(`\n${gameDayTable(parts)}\n`);
  say(code === 0 ? pc.green(pc.bold(`All cured, in ${minutes} min.`)) : pc.red(pc.bold(`Not all were cured, in ${minutes} min.`)));
  return code;
}

function withoutReports({ results, ...part }: PartResult): object {
  return { ...part, results: results.map(({ report: _, temporalUi: __, ...result }) => result) };
}

/**
 * One Ctrl-C arrives twice: from the terminal, and passed on by npm, late on a busy machine. So only a much later one means that
 * we hang, ms. (tsx's own command is not in between: it kills a child that is too busy to answer at once.)
 */
const oneKeystroke = 5_000;

/** Aborted by Ctrl-C. Another one ends us at once; a watchdog then ends what we started. */
function interruption(): AbortSignal {
  const interrupted = new AbortController();
  setMaxListeners(0, interrupted.signal); // every server of every site listens
  let firstAt: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (firstAt !== undefined && Date.now() - firstAt > oneKeystroke) process.exit(130);
      if (firstAt !== undefined) return;
      firstAt = Date.now();
      say(pc.yellow('\nStopping …'));
      interrupted.abort();
    });
  }
  return interrupted.signal;
}

function conclude(result: DrillResult, code: number, json: boolean): void {
  if (json) return void process.stdout.write(`${JSON.stringify({ ok: code === 0, ...result }, null, 2)}\n`);
  const { seconds, events } = result;
  say(`\n${result.report}\n`);
  say(code === 0 ? pc.green(pc.bold('Recovered, and the fault is gone.')) : pc.red(pc.bold(`Not recovered: ${result.closedAs}; ${result.evidence}`)));
  say(
    `First page after ${seconds.toFirstPage} s, proven after ${seconds.toProof} s, closed after ${seconds.toClose} s; ` +
      `${result.pages} mails, ${result.approvals} approval; ${events.incident} + ${events.run} history events.`,
  );
  say(`Temporal UI: ${result.temporalUi}`);
}

/** Everything for people goes to stderr where the result is JSON. */
function say(text: string): void {
  (process.argv.includes('--json') ? process.stderr : process.stdout).write(`${text}\n`);
}

function fail(error: unknown, json: boolean): void {
  const message = error instanceof Error ? error.message : String(error);
  const full = /ENOSPC|No space left on device/.test(message) ? `${message}\nThe disk of this machine is full: free some room in ${tmpdir()} or set TMPDIR.` : message;
  if (json) process.stdout.write(`${JSON.stringify({ ok: false, error: full })}\n`);
  console.error(pc.red(`The drill broke: ${full}`));
}

function chosen(runbook: string, name: string | undefined): Fault {
  const known = faults[runbook];
  if (!known) return usage(`there is no drill for runbook "${runbook}"; there is one for ${Object.keys(faults).join(', ')}`);
  const fault = name === undefined ? known[0] : known.find((one) => one.name === name);
  return fault ?? usage(`runbook ${runbook} has no fault "${name ?? ''}"; it has ${known.map((one) => one.name).join(', ')}`);
}

function list(): void {
  for (const [runbook, known] of Object.entries(faults)) for (const fault of known) console.log(`${runbook.padEnd(28)} ${fault.name.padEnd(20)} ${fault.title}`);
}

function usage(message: string): never {
  console.error(`drill: ${message}\nTry: npm run drill -- --list`);
  process.exit(2);
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535) throw new InvalidArgumentError('a port is a number from 1 to 65535');
  return value;
}
