import type { Command } from 'commander';
import type { IncidentView, TimelineEntry } from '../domain/incident.js';
import { mayPass, type IncidentDetails } from './api.js';
import type { Cli, Connect } from './cli.js';
import { CliError } from './cli-error.js';
import { relative } from './clock.js';
import { examples, incidentWords } from './help.js';
import { askLines, openAsks, severityWord, stateWord } from './incident-words.js';
import { indent } from './output.js';
import { oneLine, shellWord } from './plain-text.js';
import { shortened, timelineLine } from './story.js';

/** `responder watch`: the record as it is written, until the incident closes. */
export function addWatch(program: Command, connect: Connect): void {
  program
    .command('watch')
    .description('follow an incident until it closes; exits 0 if it recovered, 3 if not')
    .argument('<id>', incidentWords)
    .addHelpText('after', examples('watch 0199a3b2-7c41', 'watch 0199a3b2-7c41 --json && echo recovered'))
    .addHelpText(
      'after',
      '\nAsks the server once a second, and waits for one that is away. With --json the incident is printed when it has closed.',
    )
    .action(async (id: string, _flags: object, command: Command) => {
      const cli = connect(command);
      const closed = await follow(cli, id, cli.interruption());
      if (closed.view.closedAs !== 'recovered') cli.endWith('notRecovered');
      cli.out.result(closed, () => closingLine(closed.view, cli, id));
    });
}

const pollEveryMs = 1_000;

async function follow(cli: Cli, id: string, interruption: AbortSignal): Promise<IncidentDetails> {
  const story = storyteller(cli, id);
  try {
    return await untilClosed(cli, id, interruption, story);
  } finally {
    story.end();
  }
}

async function untilClosed(cli: Cli, id: string, interruption: AbortSignal, story: Storyteller): Promise<IncidentDetails> {
  let seen = false;
  for (;;) {
    try {
      const details = await cli.api.incident(id, interruption);
      seen = true;
      story.tell(details);
      if (details.view.state === 'closed') return details;
    } catch (error) {
      if (interruption.aborted) throw interrupted(id, cli, error);
      // The first answer must come, so that a wrong address is told at once; later the server may be restarting.
      if (!seen || !mayPass(error)) throw error;
      story.lost(error);
    }
    await cli.pause(pollEveryMs, interruption).catch((error: unknown) => {
      throw interrupted(id, cli, error);
    });
  }
}

function interrupted(id: string, { typed }: Cli, cause: unknown): CliError {
  return new CliError({
    error: 'interrupted',
    exit: 'interrupted',
    message: 'no longer watching; the incident goes on.',
    next: `${typed(`watch ${shellWord(id)}`)} goes on from here.`,
    cause,
  });
}

interface Storyteller {
  tell(details: IncidentDetails): void;
  /** The server is away. */
  lost(error: unknown): void;
  end(): void;
}

/** Prints what is new since the last look, and on a terminal a last line that is written over. */
function storyteller({ out, now, typed }: Cli, id: string): Storyteller {
  const told = new Map<string, number>();
  const asked = new Set<string>();
  let started = false;
  let away = false;

  function clearStatus(): void {
    if (out.terminal) out.raw('\r\u001b[K');
  }

  /** The entries that were not there last time: counted, since two may be equal, and the oldest may have been cut off. */
  function newEntries(timeline: TimelineEntry[]): TimelineEntry[] {
    const counts = new Map<string, number>();
    return timeline.filter((entry) => {
      const key = JSON.stringify([entry.at, entry.what, entry.actor, entry.text]);
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (count <= (told.get(key) ?? 0)) return false;
      told.set(key, count);
      return true;
    });
  }

  return {
    end: clearStatus,
    tell({ view, progress }: IncidentDetails): void {
      clearStatus();
      if (away) out.aside('responder: the server answers again.');
      away = false;
      const { ink } = out;
      const { severity, title, runbook, target } = view.incident;
      const head = `${severityWord(severity, ink)}  ${ink.bold(oneLine(title))}, ${oneLine(runbook)} on ${oneLine(target)}`;
      if (!started) out.line(head);
      started = true;
      for (const entry of newEntries(view.timeline)) out.line(timelineLine(entry, { ink, now: now() }));
      for (const ask of openAsks(view).filter((open) => !asked.has(open.id))) {
        asked.add(ask.id);
        out.line(indent(askLines(ask, { id: shellWord(id), now: now(), ink, typed }).join('\n'), 2));
      }
      if (out.terminal && view.state !== 'closed')
        out.raw(ink.dim(shortened(statusWords(view, progress, now()), out.columns - 1)));
    },
    lost(error: unknown): void {
      if (away) return;
      away = true;
      clearStatus();
      out.aside(`responder: ${error instanceof Error ? error.message.replace(/\.$/, '') : String(error)}; still trying.`);
    },
  };
}

function statusWords(view: IncidentView, progress: IncidentDetails['progress'], now: number): string {
  const next = view.nextPage === undefined ? '' : `next page ${relative(view.nextPage.at, now)}: ${view.nextPage.who}`;
  const step = progress.at(-1)?.title ?? '';
  return [view.state, `level ${view.level}`, step, view.waitingFor === '' ? '' : `waits for ${view.waitingFor}`, next]
    .filter((part) => part !== '')
    .join(' · ');
}

function closingLine(view: IncidentView, { out, typed }: Cli, id: string): string {
  const reason = view.closeReason === undefined ? '' : `: ${oneLine(view.closeReason)}`;
  return `${stateWord(view, out.ink)}${reason}\n${out.ink.green('→')} ${typed(`report ${shellWord(id)}`)}`;
}
