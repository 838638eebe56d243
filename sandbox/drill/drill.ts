import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { timelineLine, outcomeWords } from '../../src/cli/story.js';
import type { IncidentView } from '../../src/domain/incident.js';
import { runId } from '../../src/workflows/names.js';
import type { Fault } from '../faults/index.js';
import { answerQuestions, incidentView, report, type Script, sendAlert, takeAction } from './responder.js';
import type { Site } from './site.js';

/** What a drill says while it goes on. */
export interface Teller {
  line(text: string): void;
  heading(text: string): void;
}

export interface DrillResult {
  fault: string;
  incident: string;
  closedAs: string;
  /** The fault is gone, by a measurement of its own. */
  over: boolean;
  evidence: string;
  /** Seconds from the alert to the first mail at the SMTP server, to proof, and to the close. */
  seconds: { toFirstPage: number; toProof: number; toClose: number };
  pages: number;
  approvals: number;
  events: { incident: number; run: number };
  report: string;
  temporalUi: string;
}

/** Puts a fault in, sends its alert, plays the person who is asked, and follows the incident until it is closed. */
export async function drill(site: Site, fault: Fault, script: Script, tell: Teller, signal: AbortSignal): Promise<DrillResult> {
  tell.heading(`Fault: ${fault.title}`);
  await fault.put(site.authos);
  const mails = site.mailbox.onMail((mail) => tell.line(`   ✉ ${mail.to} · ${mail.subject}`));
  const sentAt = Date.now();
  const firstMail = site.mailbox.next(() => true, { withinMs: 30_000 });
  const id = await sendAlert(site, await fault.alert(site.authos));
  const first = await incidentView(site, id);
  const temporalUi = first.incident.links.temporal;
  tell.line(`Incident ${id}`);
  tell.line(`Temporal UI: ${temporalUi}`);
  const firstMailAt = (await firstMail).receivedAt;
  const view = await follow(site, id, { fault, script }, tell, signal);
  mails();

  tell.heading('Is the fault over?');
  const { over, evidence } = await fault.over(site.authos);
  tell.line(evidence);
  const text = await report(site, id);
  const since = (at: number | undefined): number => (at === undefined ? Number.NaN : Math.round((at - sentAt) / 100) / 10);
  return {
    fault: fault.name,
    incident: id,
    closedAs: view.closedAs ?? 'not closed',
    over,
    evidence,
    seconds: {
      toFirstPage: Math.round(+firstMailAt - sentAt) / 1_000,
      toProof: since(view.timeline.find((entry) => entry.text.endsWith('→ watching'))?.at),
      toClose: since(view.closedAt),
    },
    pages: view.pages.length,
    approvals: view.asks.filter((ask) => ask.answer?.answer === 'approved').length,
    events: await eventsOf(site, view),
    report: text,
    temporalUi,
  };
}

async function follow(site: Site, id: string, { fault, script }: { fault: Fault; script: Script }, tell: Teller, signal: AbortSignal): Promise<IncidentView> {
  let told = 0;
  const acts = new Set<string>();
  const answered = new Set<string>();
  let handled = false;
  let checkedAt = 0;
  for (;;) {
    signal.throwIfAborted();
    const { view, progress } = await current(site, id);
    for (const entry of view.timeline.slice(told)) tell.line(timelineLine(entry));
    told = view.timeline.length;
    for (const step of progress) {
      for (const act of step.acts.filter((a) => a.endedAt > 0 && !acts.has(`${step.title}/${a.act}`))) {
        acts.add(`${step.title}/${act.act}`);
        tell.line(`   ▸ ${step.title}${act.act === step.title ? '' : ` – ${act.act}`}: ${outcomeWords(act.outcome, 160)}`);
      }
      if (step.check && !acts.has(`${step.title}/check`)) {
        acts.add(`${step.title}/check`);
        tell.line(`     ${step.check}`);
      }
    }
    if (view.state === 'closed' && view.timeline.some((entry) => entry.what === 'report')) return view;
    await answerQuestions(site, view, answered, script);
    const left = view.runs.some(({ end }) => end === 'unrecovered');
    if ((view.state === 'mitigated' || left) && fault.byHand && !handled) {
      handled = true;
      tell.line(`A person ${await fault.byHand(site.authos)}`);
    }
    // What went wrong a moment before the cure counts for a while: so the person asks again.
    if (handled && view.state === 'open' && view.runs.every(({ endedAt }) => endedAt !== undefined) && Date.now() > checkedAt + 3_000) {
      checkedAt = Date.now();
      await takeAction(site, id, { kind: 'check' });
    }
    await delay(200, undefined, { signal });
  }
}

async function current(site: Site, id: string): Promise<{ view: IncidentView; progress: IncidentView['runs'][number]['steps'] }> {
  const response = await fetch(`${site.url}/api/incidents/${id}`, {
    headers: { authorization: `Bearer ${site.tokens.people['ops-primary'] ?? ''}` },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`the incident can't be read: ${response.status} ${await response.text()}`);
  return (await response.json()) as { view: IncidentView; progress: IncidentView['runs'][number]['steps'] };
}

/** Length of both histories, for the bar on their size. */
async function eventsOf(site: Site, view: IncidentView): Promise<DrillResult['events']> {
  const connection = await Connection.connect({ address: site.temporal.address });
  try {
    const client = new Client({ connection, namespace: site.temporal.namespace });
    const length = async (workflowId: string): Promise<number> => (await client.workflow.getHandle(workflowId).describe()).historyLength;
    return { incident: await length(view.incident.workflowId), run: await length(runId(view.incident.id, view.runs.at(-1)?.n ?? 1)) };
  } finally {
    await connection.close();
  }
}
