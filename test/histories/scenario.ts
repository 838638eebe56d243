import { setTimeout as delay } from 'node:timers/promises';
import type { PersonAction } from '../../src/domain/action.js';
import type { AskRecord, IncidentView } from '../../src/domain/incident.js';
import type { StepReport } from '../../src/domain/step.js';
import type { Fault } from '../../sandbox/faults/index.js';
import { incidentAndProgress, takeAction } from '../../sandbox/drill/responder.js';
import type { Site } from '../../sandbox/drill/site.js';

/** One incident to record: `npm run histories` plays it on a site of its own and keeps its histories under its name. */
export interface Scenario {
  /** Folder in test/histories/<runbook>; says how the incident goes. */
  outcome: string;
  fault: Fault;
  /** Anything else that is wrong with this site. */
  prepare?: (site: Site) => Promise<void>;
  play: Play;
}

/** Plays the people. Ends when the incident is closed or about to close; the recorder waits until it is over. */
export type Play = (incident: Played) => Promise<void>;

/** What people say to questions, by act. What is not in it stays open. */
export type Answers = Record<string, 'approve' | 'decline'>;

/** An incident that is going on, as its scenario sees it. */
export interface Played {
  site: Site;
  /** Waits for it, and answers each question meanwhile that `answers` knows. */
  until(what: string, holds: (view: IncidentView, progress: StepReport[]) => boolean, answers?: Answers): Promise<IncidentView>;
  approve(act: string): Promise<void>;
  decline(act: string): Promise<void>;
  act(action: PersonAction): Promise<void>;
  /** Keeps the histories as they are at this moment, under another name: what a worker must be able to take over. */
  keep(outcome: string): Promise<void>;
}

/** The longest wait is for a level that is due two hours after the alert: two minutes here. */
const giveUpAfter = 180_000;

/** The people of a scenario. `keep` is the recorder's. */
export function played(site: Site, id: string, keep: Played['keep']): Played {
  const act: Played['act'] = (action) => takeAction(site, id, action);
  const answer = (ask: string, said: Answers[string]): Promise<void> => act(said === 'approve' ? { kind: said, ask } : { kind: said, ask, reason: 'not worth it' });
  const until: Played['until'] = async (what, holds, answers = {}) => {
    const giveUpAt = Date.now() + giveUpAfter;
    let problem = '';
    for (;;) {
      // A worker that was started again right now answers a little later.
      const now = await incidentAndProgress(site, id).catch((error: unknown) => void (problem = String(error)));
      if (now && holds(now.view, now.progress)) return now.view;
      if (Date.now() > giveUpAt) throw new Error(`${what} did not happen; ${now ? `the record ends: ${lastLines(now.view)}` : problem}`);
      for (const ask of openAsks(now?.view)) {
        const said = answers[ask.act];
        if (said) await answer(ask.id, said);
      }
      await delay(100);
    }
  };
  async function answerOpen(wanted: string, said: Answers[string]): Promise<void> {
    const named = (view: IncidentView) => openAsks(view).find((ask) => ask.act === wanted);
    await answer(named(await until(`a question about "${wanted}"`, (view) => named(view) !== undefined))?.id ?? '', said);
  }
  return { site, until, keep, act, approve: (wanted) => answerOpen(wanted, 'approve'), decline: (wanted) => answerOpen(wanted, 'decline') };
}

function openAsks(view: IncidentView | undefined): AskRecord[] {
  return view?.asks.filter((ask) => !ask.answer) ?? [];
}

/** The end of the record, for an error. */
export function lastLines(view: IncidentView): string {
  return view.timeline.slice(-6).map(({ text }) => text).join(' · ');
}
