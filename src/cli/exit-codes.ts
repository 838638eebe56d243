/** What the exit code of `responder` means, in order; printed by `--help` and by the docs. */
export const exitCodes = [
  { code: 0, name: 'ok', meaning: 'done; for watch: the incident closed as recovered' },
  { code: 1, name: 'findings', meaning: 'doctor: there are findings; simulate: somebody could not be reached' },
  { code: 1, name: 'unexpected', meaning: 'something that should not happen; the message says what' },
  {
    code: 2,
    name: 'usage',
    meaning: 'a wrong command, flag, argument or variable; nothing was sent, or the server found it invalid',
  },
  { code: 3, name: 'notRecovered', meaning: 'watch: the incident closed without proof of recovery' },
  { code: 4, name: 'unknownIncident', meaning: 'no incident has this id, or several begin with it' },
  { code: 5, name: 'refused', meaning: 'the incident refused the action, is closed, or has no report yet' },
  { code: 6, name: 'notAuthorised', meaning: 'the token is missing or wrong, or may not do this' },
  { code: 7, name: 'serverUnreachable', meaning: 'the responder server did not answer in time' },
  { code: 8, name: 'temporalUnreachable', meaning: 'the server answers but cannot reach Temporal; simulate: its test server does not start' },
  {
    code: 9,
    name: 'notYetApplied',
    meaning: 'no worker answers; or it is queued: kept for sure, but not known to be applied yet',
  },
  { code: 130, name: 'interrupted', meaning: 'watch, simulate: ended by Ctrl-C' },
] as const;

export type ExitName = (typeof exitCodes)[number]['name'];

/** The number of an exit code by its name. */
export function exitCode(name: ExitName): number {
  const found = exitCodes.find((entry) => entry.name === name);
  return found?.code ?? 1;
}

/** The table as lines for `--help`. */
export function exitCodeLines(): string {
  return exitCodes.map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`).join('\n');
}
