/**
 * Every duration of the incident process, in milliseconds. The config gives them (`times:`), the drill profile scales them
 * all by one factor; an incident freezes the ones it started with. Defaults and their source: docs/runbooks.md.
 */
export interface Times {
  /** One minute of a runbook's ladder. 60 000, times the profile's scale: level times are data in minutes. */
  minute: number;
  /** Level 1's secondary is paged this long after the primary, unacknowledged. */
  secondaryAfter: number;
  /** The escalation contact joins level 1 this long after the primary, unacknowledged (Critical and High). */
  contactAfter: number;
  /** Rounds 1–3 of a level follow its round 0 at this spacing. */
  roundEvery: number;
  lastResortAfter: number;
  lastResortEvery: number;
  /** Due moments closer together than this are one moment ("due in the same minute"). */
  sameMoment: number;
  /** A page that leaves later than this after its due time is marked late. */
  lateAfter: number;
  acknowledgementLapses: number;
  snoozeAtMost: number;
  snoozeAtMostCritical: number;
  approvalExpires: number;
  /** A run is silent when this long has passed since its promised next message. */
  silentAfter: number;
  checkEvery: number;
  watch: number;
  watchEvery: number;
  samples: number;
  sampleEvery: number;
  settle: number;
  settleRestart: number;
  lockWait: number;
  /** At most one automatic restart of a (host, service), and one cache:clear of an environment, in this time. */
  budgetWindow: number;
  closedStays: number;
  stopWait: number;
  mitigatedAtMost: number;
  mitigatedReminderEvery: number;
  undoWaits: number;
  undoRetryEvery: number;
  /** A monitoring figure fetched again sooner than this and unchanged says nothing. */
  figureAge: number;
  /** Start of a run without a word from it: it is silent after this. */
  firstWord: number;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** The times of RUNBOOK-SPEC ("People and time", "Life of an incident", "Proof of recovery"). */
export const standardTimes: Times = {
  minute,
  secondaryAfter: 5 * minute,
  contactAfter: 10 * minute,
  roundEvery: 15 * minute,
  lastResortAfter: hour,
  lastResortEvery: 30 * minute,
  sameMoment: minute,
  lateAfter: 30 * second,
  acknowledgementLapses: 30 * minute,
  snoozeAtMost: hour,
  snoozeAtMostCritical: 15 * minute,
  approvalExpires: 10 * minute,
  silentAfter: 10 * minute,
  firstWord: 10 * minute,
  checkEvery: 15 * minute,
  watch: 10 * minute,
  watchEvery: minute,
  samples: 3,
  sampleEvery: 20 * second,
  settle: minute,
  settleRestart: 5 * minute,
  lockWait: 10 * minute,
  budgetWindow: 30 * minute,
  closedStays: hour,
  stopWait: minute,
  mitigatedAtMost: day,
  mitigatedReminderEvery: day,
  undoWaits: 7 * day,
  undoRetryEvery: 10 * minute,
  figureAge: 6 * minute,
};

/** The same process, faster or slower: every duration times `factor` (counts stay). For drills: `scaled(standardTimes, 1 / 60)`. */
export function scaled(times: Times, factor: number): Times {
  const entries = Object.entries(times).map(([name, value]: [string, number]) => [
    name,
    name === 'samples' ? value : Math.max(1, Math.round(value * factor)),
  ]);
  return Object.fromEntries(entries) as Times;
}
