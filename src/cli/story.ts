import pc from 'picocolors';
import { actorName } from '../domain/actor.js';
import type { TimelineEntry } from '../domain/incident.js';
import type { ActReport, StepOutcome, StepReport } from '../domain/step.js';
import { localTime } from './clock.js';
import type { Ink } from './output.js';
import { oneLine } from './plain-text.js';

const noColours = pc.createColors(false);

/** How a line of the record is shown. Without `ink` it has no colours; `now` decides whether the date is shown too. */
interface LineStyle {
  ink?: Ink;
  now?: number;
}

/** One entry of a timeline as one line: local time, what, who, text. Safe for a terminal whatever the entry holds. */
export function timelineLine(entry: TimelineEntry, { ink = noColours, now = Date.now() }: LineStyle = {}): string {
  const what = colourOf(entry.what, ink)(entry.what.padEnd(11));
  return `${ink.dim(localTime(entry.at, now))}  ${what}  ${ink.dim(oneLine(actorName(entry.actor)).padEnd(12))}  ${oneLine(entry.text)}`;
}

function colourOf(what: TimelineEntry['what'], ink: Ink): (text: string) => string {
  switch (what) {
    case 'alert':
    case 'problem':
    case 'refused':
      return ink.red;
    case 'page':
    case 'lapse':
    case 'ask':
    case 'escalate':
      return ink.yellow;
    case 'acknowledge':
    case 'decision':
    case 'done':
      return ink.green;
    case 'run':
    case 'found':
    case 'state':
    case 'undo':
    case 'note':
    case 'snooze':
    case 'report':
      return ink.cyan;
  }
}

/** How a step or act ended, in words: `done: 12 GB freed`, `skipped (declined)`. One line, at most `longest` characters. */
export function outcomeWords(outcome: StepOutcome, longest = 200): string {
  switch (outcome.kind) {
    case 'done':
      return shortened(`done: ${outcome.evidence}`, longest);
    case 'skipped':
      return shortened(`skipped (${outcome.reason})${outcome.detail === '' ? '' : `: ${outcome.detail}`}`, longest);
    case 'failed':
      return shortened(`failed: ${outcome.message}`, longest);
    case 'unknown':
      return shortened(`unknown: ${outcome.because}`, longest);
  }
}

/** A text on one line, cut with an ellipsis where it is longer. */
export function shortened(text: string, longest: number): string {
  const line = oneLine(text);
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`;
}

/** A step as lines: its title with its outcome, and one line for each act if it has several or one of another name. */
export function stepLines(step: StepReport, ink: Ink = noColours): string[] {
  const [only] = step.acts;
  const title = oneLine(step.title);
  if (step.acts.length === 1 && only !== undefined)
    return [`${mark(only, ink)} ${title}${actName(only, title)} — ${actWords(only)}`, ...checkLine(step, ink)];
  return [
    `  ${title}`,
    ...step.acts.map((act) => `  ${mark(act, ink)} ${oneLine(act.act)} — ${actWords(act)}`),
    ...checkLine(step, ink),
  ];
}

function actName(act: ActReport, title: string): string {
  const name = oneLine(act.act);
  return name === '' || name === title ? '' : ` (${name})`;
}

function actWords(act: ActReport): string {
  return `${outcomeWords(act.outcome)}${act.approvedBy === undefined ? '' : `; approved by ${oneLine(act.approvedBy)}`}`;
}

function checkLine(step: StepReport, ink: Ink): string[] {
  return step.check === undefined ? [] : [ink.dim(`    check after it: ${shortened(step.check, 200)}`)];
}

function mark(act: ActReport, ink: Ink): string {
  const marks = { done: ink.green('✓'), skipped: ink.dim('–'), failed: ink.red('✗'), unknown: ink.yellow('?') };
  return marks[act.outcome.kind];
}
