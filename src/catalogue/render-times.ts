import type { Times } from '../domain/times.js';

/** What each duration of the incident process is for, in the order of an incident's life. A new one must be described here. */
const purposes: Record<keyof Times, string> = {
  minute: 'one minute of a ladder',
  secondaryAfter: 'the Secondary joins level 1, unacknowledged',
  contactAfter: 'the Escalation contact joins level 1, unacknowledged (Critical and High)',
  roundEvery: 'rounds 1–3 of a level follow, unacknowledged',
  sameMoment: 'due moments closer together than this are one',
  lateAfter: 'a page that leaves later than this is marked late',
  lastResortAfter: 'the last resort follows the last level, unacknowledged',
  lastResortEvery: 'the last resort repeats',
  acknowledgementLapses: 'an acknowledgement lapses',
  snoozeAtMost: 'longest snooze',
  snoozeAtMostCritical: 'longest snooze of a Critical incident',
  approvalExpires: 'a question expires',
  firstWord: 'a run must have said its first word',
  silentAfter: 'a run that is this long past its promise counts as failed',
  samples: 'samples in a row that prove recovery',
  sampleEvery: 'between two samples of a proof',
  settle: 'after an act, before its check counts',
  settleRestart: 'the same after a restart',
  lockWait: 'longest wait for a lock',
  budgetWindow: 'an act with a budget happens by itself at most once in this time',
  figureAge: "a figure of AuthOS that is unchanged and was read less than this ago says nothing",
  watch: 'the watch after proof',
  watchEvery: 'between two samples of the watch',
  checkEvery: 'between check-only runs while it is unresolved',
  mitigatedAtMost: 'a disk stays mitigated at most this long',
  mitigatedReminderEvery: 'a reminder to the Primary while it is mitigated',
  stopWait: 'a close waits this long for its run to stop',
  closedStays: 'a closed incident can be reopened by an alert',
  undoWaits: 'an undo whose condition does not hold yet is tried for this long',
  undoRetryEvery: 'between two tries of such an undo',
};

/** The table of every duration, with the name under which the config's `times` changes it. */
export function limitsSection(times: Times): string {
  const rows = Object.entries(purposes).map(([name, purpose]) => `| \`${name}\` | ${value(name, times[name as keyof Times])} | ${purpose} |`);
  return [
    '## Times and limits',
    '',
    'The same for every runbook. `times` of the config changes each under its name; an incident keeps those it began with.',
    '',
    '| Name | Default | What for |',
    '| --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function value(name: string, ms: number): string {
  if (name === 'samples') return String(ms);
  const units: [string, number][] = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1_000]];
  const [unit, size] = units.find(([, one]) => ms >= one && ms % one === 0) ?? ['ms', 1];
  return `${ms / size} ${unit}`;
}
