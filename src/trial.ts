import type { IncidentView } from './domain/incident.js';
import type { ActReport, Risk, WouldHave } from './domain/step.js';

/** What the automation would have done and asked while it only looked on. Times in ms, moments since the epoch. */
export interface Trial {
  since: number;
  until: number;
  /** Of all incidents in that time, automatic ones too. */
  incidents: number;
  /** Stored reports that can't be read. */
  unreadable: number;
  runbooks: TrialRunbook[];
}

/** The incidents of one runbook that looked on. */
export interface TrialRunbook {
  runbook: string;
  title: string;
  incidents: number;
  /** How they ended, without any act of ours. */
  ended: { as: string; incidents: number; median?: number }[];
  /** To the first page that was accepted; absent if nobody was paged. */
  toPage?: Spread;
  would: WouldAct[];
}

export interface Spread {
  median: number;
  longest: number;
}

export interface WouldAct extends WouldHave {
  step: string;
  act: string;
  risk: Risk;
  /** In so many incidents, each counted once. */
  incidents: number;
}

/** Adds up incidents that were opened in `window`. Each is looked at once and then let go, so that weeks of reports fit. */
export async function trialOf(views: AsyncIterable<IncidentView | 'unreadable'>, window: Pick<Trial, 'since' | 'until'>): Promise<Trial> {
  const tallies = new Map<string, Tally>();
  const trial: Trial = { ...window, incidents: 0, unreadable: 0, runbooks: [] };
  for await (const view of views) {
    if (view === 'unreadable') trial.unreadable += 1;
    else if (view.incident.openedAt >= window.since && view.incident.openedAt < window.until) {
      trial.incidents += 1;
      if (lookedOn(view)) add(view, tallies);
    }
  }
  const byName = [...tallies.values()].sort((a, b) => a.runbook.localeCompare(b.runbook));
  return { ...trial, runbooks: byName.map(summary) };
}

interface Tally {
  runbook: string;
  title: string;
  incidents: number;
  ended: Map<string, Ending>;
  toPage: number[];
  would: Map<string, WouldAct>;
}

interface Ending {
  incidents: number;
  took: number[];
}

function lookedOn(view: IncidentView): boolean {
  return view.mode !== 'automatic' || actsOf(view).some(({ act }) => act.would !== undefined);
}

function add(view: IncidentView, tallies: Map<string, Tally>): void {
  const { runbook, title, openedAt } = view.incident;
  const tally: Tally = tallies.get(runbook) ?? { runbook, title, incidents: 0, ended: new Map(), toPage: [], would: new Map() };
  tallies.set(runbook, tally);
  tally.incidents += 1;
  const as = view.closedAs ?? 'open';
  const ended: Ending = tally.ended.get(as) ?? { incidents: 0, took: [] };
  tally.ended.set(as, ended);
  ended.incidents += 1;
  if (view.closedAt !== undefined) ended.took.push(view.closedAt - openedAt);
  const firstPage = Math.min(...view.pages.map(({ acceptedAt }) => acceptedAt));
  if (Number.isFinite(firstPage)) tally.toPage.push(firstPage - openedAt);
  for (const one of wouldOf(view)) {
    const key = JSON.stringify([one.step, one.act, one.command, one.approval]);
    const known = tally.would.get(key);
    if (known) known.incidents += 1;
    else tally.would.set(key, one);
  }
}

/** Each act once, however many runs would have done it. */
function wouldOf(view: IncidentView): WouldAct[] {
  const all = actsOf(view).flatMap(({ step, act: { act, risk, would } }) => (would ? [{ step, act, risk, ...would, incidents: 1 }] : []));
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
}

function actsOf(view: IncidentView): { step: string; act: ActReport }[] {
  return view.runs.flatMap(({ steps }) => steps.flatMap(({ title, acts }) => acts.map((act) => ({ step: title, act }))));
}

function summary({ ended, toPage, would, ...tally }: Tally): TrialRunbook {
  return {
    ...tally,
    ended: [...ended].map(([as, { incidents, took }]) => ({ as, incidents, ...(took.length > 0 && { median: median(took) }) })),
    ...(toPage.length > 0 && { toPage: { median: median(toPage), longest: Math.max(...toPage) } }),
    would: [...would.values()],
  };
}

/** Of an even number of values the smaller one in the middle: a time that was really measured. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length / 2) - 1] ?? Number.NaN;
}
