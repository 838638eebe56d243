import { setTimeout as delay } from 'node:timers/promises';
import type { IncidentView } from '../../src/domain/incident.js';
import type { Fault } from '../../sandbox/faults/index.js';
import { incidentView, takeAction } from '../../sandbox/drill/responder.js';
import type { Site } from '../../sandbox/drill/site.js';

/** One incident to record: `npm run histories` plays it on a site of its own and keeps its histories under its name. */
export interface Scenario {
  /** Folder in test/histories/<runbook>; says how the incident goes. */
  outcome: string;
  fault: Fault;
  /** Anything else that is wrong with this site. */
  prepare?: (site: Site) => Promise<void>;
  /** Plays the people. Ends when the incident is closed or about to close; the recorder waits until it is over. */
  play: (incident: Played) => Promise<void>;
}

/** An incident that is going on, as its scenario sees it. */
export interface Played {
  until(what: string, holds: (view: IncidentView) => boolean): Promise<IncidentView>;
  approve(act: string): Promise<void>;
  decline(act: string): Promise<void>;
  /** Closes it by hand, unproven. */
  resolve(reason: string): Promise<void>;
  /** Keeps the histories as they are at this moment, under another name: what a worker must be able to take over. */
  keep(outcome: string): Promise<void>;
}

const giveUpAfter = 90_000;

/** The people of a scenario. `keep` is the recorder's. */
export function played(site: Site, id: string, keep: Played['keep']): Played {
  async function until(what: string, holds: (view: IncidentView) => boolean): Promise<IncidentView> {
    const giveUpAt = Date.now() + giveUpAfter;
    let problem = '';
    for (;;) {
      // A worker that was started again right now answers a little later.
      const view = await incidentView(site, id).catch((error: unknown) => void (problem = String(error)));
      if (view && holds(view)) return view;
      if (Date.now() > giveUpAt) throw new Error(`${what} did not happen; ${view ? `the record ends: ${lastLines(view)}` : problem}`);
      await delay(100);
    }
  }
  async function open(act: string): Promise<string> {
    const named = (view: IncidentView) => view.asks.find((ask) => ask.act === act && !ask.answer);
    return named(await until(`a question about "${act}"`, (view) => named(view) !== undefined))?.id ?? '';
  }
  return {
    until,
    keep,
    approve: async (act) => takeAction(site, id, { kind: 'approve', ask: await open(act) }),
    decline: async (act) => takeAction(site, id, { kind: 'decline', ask: await open(act), reason: 'not worth it' }),
    resolve: (reason) => takeAction(site, id, { kind: 'resolve', reason }),
  };
}

/** The end of the record, for an error. */
export function lastLines(view: IncidentView): string {
  return view.timeline.slice(-6).map(({ text }) => text).join(' · ');
}
