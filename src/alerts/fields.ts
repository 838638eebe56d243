import { z } from 'zod';
import type { ParsedAlert } from './format.js';
import { limits, line } from './text.js';

/** What a source may choose by name; what it leaves out, or leaves empty, is left out. Cleaned and cut. */
export function chosen({ runbook, target, severity }: { [Name in 'runbook' | 'target' | 'severity']?: ParsedAlert[Name] | undefined }): Pick<ParsedAlert, 'runbook' | 'target' | 'severity'> {
  return {
    ...(runbook && { runbook: line(runbook, limits.labelName) }),
    ...(target && { target: line(target, limits.labelValue) }),
    ...(severity && { severity }),
  };
}

/** When it began, if the source says so in ISO 8601 with an offset; anything else says nothing. */
export function startOf(at: string | null | undefined): Pick<ParsedAlert, 'startsAt'> {
  const time = z.iso.datetime({ offset: true }).safeParse(at);
  return time.success ? { startsAt: time.data } : {};
}

/** The labels that a body has under that name, as our own format has them; none if they are not texts. */
export function labelsIn(body: unknown): Record<string, string> {
  const read = z.looseObject({ labels: z.record(z.string(), z.string()) }).safeParse(body);
  return read.success ? read.data.labels : {};
}
