import { chmod, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IncidentView } from '../../src/domain/incident.js';
import type { Fault } from '../../sandbox/faults/index.js';
import type { Site } from '../../sandbox/drill/site.js';
import type { Answers, Play, Played } from './scenario.js';

const asks = (view: IncidentView): boolean => view.asks.some((ask) => !ask.answer);
const runEnded = ({ runs }: IncidentView): boolean => runs[0]?.endedAt !== undefined;

/** Cured by what these answers allow. Kept at its first question, if there is one, and in the watch. */
export function recovers(answers: Answers = {}): Play {
  return async (incident) => {
    if (Object.keys(answers).length > 0) await keepAtTheQuestion(incident);
    await intoTheWatch(incident, answers);
  };
}

/** The same for an act that needs long to settle: kept while it does. */
export function recoversAfterSettling(act: string, answers: Answers): Play {
  return async (incident) => {
    await keepAtTheQuestion(incident);
    await incident.until(`the end of "${act}"`, (_, progress) => progress.some(({ acts }) => acts.some((one) => one.act === act && one.endedAt > 0)), answers);
    await incident.keep('open-settling');
    await intoTheWatch(incident, answers);
  };
}

/** Cured as well, in another way: nothing is kept before its end. */
export function isCured(answers: Answers = {}): Play {
  return async (incident) => void (await incident.until('the watch', ({ state }) => state === 'watching', answers));
}

export async function keepAtTheQuestion(incident: Played): Promise<void> {
  await incident.until('a question', asks);
  await incident.keep('open-at-the-question');
}

async function intoTheWatch(incident: Played, answers: Answers): Promise<void> {
  await incident.until('the watch', (view) => view.state === 'watching', answers);
  await incident.keep('open-in-the-watch');
}

/** Carried by a stopgap until a person cures it: kept while it is. The stopgap is taken back by itself. */
export function mitigates({ byHand }: Fault, answers: Answers): Play {
  return async (incident) => {
    await keepAtTheQuestion(incident);
    await incident.until('the end of the run', runEnded, answers);
    await incident.keep('open-mitigated');
    await byHand?.(incident.site.authos);
    await incident.act({ kind: 'check' });
  };
}

/** Not cured: up to this level, the last one of its runbook, and through a check that changes nothing. Then a person closes it. */
export function climbsTo(level: number, answers: Answers = {}): Play {
  return async (incident) => {
    await incident.until('the last level', (view) => view.level >= level && view.runs.some((run) => run.kind === 'check' && run.end), answers);
    await closeByHand(incident);
  };
}

/** Its run ends without a cure, and a person closes it. */
export function endsUncured(answers: Answers = {}): Play {
  return async (incident) => {
    await incident.until('the end of the run', runEnded, answers);
    await closeByHand(incident);
  };
}

async function closeByHand(incident: Played): Promise<void> {
  await incident.act({ kind: 'resolve', reason: 'cured by hand' });
}

/** A program of the host that fails with these words: each time, or only where this is among its arguments. */
export function failing(program: string, words: string, onlyIf?: string) {
  return async ({ authos }: Site): Promise<void> => {
    const file = join(authos.inventory().path, program);
    const fails = `echo "${words}" >&2; exit 1`;
    if (onlyIf === undefined) return write(file, fails);
    await rename(file, `${file}.real`);
    await write(file, `case " $* " in *' ${onlyIf} '*) ${fails};; esac\nexec '${file}.real' "$@"`);
  };
}

async function write(file: string, script: string): Promise<void> {
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}
