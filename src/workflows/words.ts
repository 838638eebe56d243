import type { SkipReason, StepOutcome } from '../domain/step.js';

/** An outcome in one line for people. */
export function inWords(outcome: StepOutcome): string {
  switch (outcome.kind) {
    case 'done':
      return `done. ${firstLine(outcome.evidence)}`;
    case 'skipped':
      return `skipped, ${outcome.reason}${outcome.detail ? `: ${firstLine(outcome.detail)}` : ''}`;
    case 'failed':
      return `failed: ${firstLine(outcome.message)}`;
    case 'unknown':
      return `unknown: ${firstLine(outcome.because)}`;
  }
}

/** The first line that says something, at most 200 characters. */
export function firstLine(text: string): string {
  const line = text.split('\n').find((l) => l.trim() !== '')?.trim() ?? '';
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}

export function skipped(reason: SkipReason, detail = ''): StepOutcome & { kind: 'skipped' } {
  return { kind: 'skipped', reason, detail };
}
