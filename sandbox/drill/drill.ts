import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { timelineLine, outcomeWords } from '../../src/cli/story.js';
import type { IncidentView } from '../../src/domain/incident.js';
import type { AlertmanagerPayload } from '../faults/fault.js';
import type { Fault } from '../faults/index.js';
import { type Diagnosis, diagnosisOf } from './diagnosis.js';
import { answerQuestions, incidentAndProgress, incidentView, report, type Script, sendAlert, takeAction } from './responder.js';
import type { Site } from './site.js';

/** What a drill says while it goes on. */
export interface Teller {
  line(text: string): void;
  heading(text: string): void;
}

export interface DrillResult {
  runbook: string;
  fault: string;
  incident: string;
  closedAs: string;
  /** The fault is gone, by a measurement of its own. */
  over: boolean;
  evidence: string;
  /** Seconds from the alert to the first mail at the SMTP server (none if a cause pages for it), to what a first look found, to proof, and to the close. */
  seconds: { toFirstPage?: number; toDiagnosis?: number; toProof?: number; toClose?: number };
  /** Acts that ran, diagnostic ones included. */
  steps: number;
  pages: number;
  approvals: number;
  events: { incident: number; run: number };
  diagnosis?: Diagnosis;
  report: string;
  temporalUi: string;
}

/** Puts a fault in, sends its alert, plays the person who is asked, and follows the incident until it is closed. */
export async function drill(site: Site, fault: Fault, script: Script, tell: Teller, signal: AbortSignal): Promise<DrillResult> {
  tell.heading(`Fault: ${fault.title}`);
  await fault.put(site.authos);
  return respond(site, fault, script, tell, signal);
}

/** The part of a drill after its fault: from the alert on. Several may go on at one site. */
export async function respond(site: Site, fault: Fault, script: Script, tell: Teller, signal: AbortSignal): Promise<DrillResult> {
  const sentAt = Date.now();
  const id = await sendAlert(site, await fault.alert(site.authos));
  const quiet = site.mailbox.onMail((mail) => mail.text.includes(id) && tell.line(`   ✉ ${mail.to} · ${mail.subject}`));
  const first = await incidentView(site, id);
  const temporalUi = first.incident.links.temporal;
  tell.line(`Incident ${id}`);
  tell.line(`Temporal UI: ${temporalUi}`);
  const view = await follow(site, id, { fault, script }, tell, signal);
  quiet();

  tell.heading('Is the fault over?');
  const { over, evidence } = await fault.over(site.authos);
  tell.line(evidence);
  const text = await report(site, id);
  const firstMail = site.mailbox.messages.find((mail) => mail.text.includes(id));
  const since = (at: number | undefined): number | undefined => (at === undefined ? undefined : Math.round(at - sentAt) / 1_000);
  const diagnosed = view.runs[0]?.steps.filter(({ phase }) => phase === 'diagnose').flatMap(({ acts }) => acts.map(({ endedAt }) => endedAt)) ?? [];
  const { events, diagnosis } = await historyOf(site, view);
  return {
    runbook: fault.runbook,
    fault: fault.name,
    incident: id,
    closedAs: view.closedAs ?? 'not closed',
    over,
    evidence,
    seconds: {
      toFirstPage: since(firstMail && +firstMail.receivedAt),
      toDiagnosis: since(diagnosed.length > 0 ? Math.max(...diagnosed) : undefined),
      toProof: since(view.timeline.find((entry) => entry.text.endsWith('→ watching'))?.at),
      toClose: since(view.closedAt),
    },
    steps: view.runs.flatMap(({ steps }) => steps.flatMap(({ acts }) => acts)).filter(({ outcome }) => outcome.kind !== 'skipped').length,
    pages: view.pages.length,
    approvals: view.asks.filter((ask) => ask.answer?.answer === 'approved').length,
    events,
    ...(diagnosis && { diagnosis }),
    report: text,
    temporalUi,
  };
}

/** Closed as recovered by a proof, and the fault is gone. */
export function isCured({ closedAs, over }: DrillResult): boolean {
  return closedAs === 'recovered' && over;
}

async function follow(site: Site, id: string, { fault, script }: { fault: Fault; script: Script }, tell: Teller, signal: AbortSignal): Promise<IncidentView> {
  let told = 0;
  const acts = new Set<string>();
  const answered = new Set<string>();
  let handled = false;
  let checkedAt = 0;
  for (;;) {
    signal.throwIfAborted();
    const { view, progress } = await incidentAndProgress(site, id);
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
    const left = view.runs.some(({ end }) => end === 'unrecovered' || end === 'observed');
    if ((view.state === 'mitigated' || left) && fault.byHand && !handled) {
      handled = true;
      tell.line(`A person ${await fault.byHand(site.authos)}`);
      if (fault.sourceResolves) await sendAlert(site, resolved(await fault.alert(site.authos)));
    }
    // What went wrong a moment before the cure counts for a while: so the person asks again.
    if (handled && !fault.sourceResolves && view.state === 'open' && view.runs.every(({ endedAt }) => endedAt !== undefined) && Date.now() > checkedAt + 3_000) {
      checkedAt = Date.now();
      await takeAction(site, id, { kind: 'check' });
    }
    await delay(200, undefined, { signal });
  }
}

function resolved(payload: AlertmanagerPayload): AlertmanagerPayload {
  const endsAt = new Date().toISOString();
  return { ...payload, status: 'resolved', alerts: payload.alerts.map((one) => ({ ...one, status: 'resolved', endsAt })) };
}

/** Length of the histories of the incident and all its runs, for the bar on their size, and how its first run looked. */
async function historyOf(site: Site, view: IncidentView): Promise<Pick<DrillResult, 'events' | 'diagnosis'>> {
  const connection = await Connection.connect({ address: site.temporal.address });
  try {
    const client = new Client({ connection, namespace: site.temporal.namespace });
    const length = async (workflowId: string): Promise<number> => (await client.workflow.getHandle(workflowId).describe()).historyLength;
    const runs = await Promise.all(view.runs.map(({ workflowId }) => length(workflowId)));
    const [first] = view.runs;
    const diagnosis = first && (await diagnosisOf(client, first));
    return {
      events: { incident: await length(view.incident.workflowId), run: runs.reduce((sum, one) => sum + one, 0) },
      ...(diagnosis && { diagnosis }),
    };
  } finally {
    await connection.close();
  }
}
