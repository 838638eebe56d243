import pc from 'picocolors';
import { table } from '../../src/cli/output.js';
import { type DrillResult, isCured } from './drill.js';
import type { PartResult } from './game-day.js';

/** A line for each incident of a game day, and one for each part that broke. */
export function gameDayTable(parts: readonly PartResult[]): string {
  const head = ['Part', 'Runbook', 'Fault', 'Page', 'Diagnosis', 'Recovery', 'Close', 'Steps', 'Approvals', 'Events', 'End'];
  const rows = parts.flatMap(({ title, results, broke }, index) => [
    ...results.map((result) => [String(index + 1), ...cells(result)]),
    ...(broke === undefined ? [] : [[String(index + 1), title, ...Array<string>(8).fill(''), `broke: ${broke.slice(0, 80)}`]]),
  ]);
  return table(head, rows, pc);
}

function cells(result: DrillResult): string[] {
  const { runbook, fault, seconds, steps, approvals, events } = result;
  return [
    runbook,
    fault,
    seconds.toFirstPage === undefined ? 'by its cause' : time(seconds.toFirstPage),
    time(seconds.toDiagnosis),
    time(seconds.toProof),
    time(seconds.toClose),
    String(steps),
    String(approvals),
    String(events.incident + events.run),
    isCured(result) ? 'cured' : `${result.closedAs}; ${result.evidence.slice(0, 80)}`,
  ];
}

function time(seconds: number | undefined): string {
  return seconds === undefined ? '–' : `${seconds.toFixed(1)} s`;
}
