import { condition, defineQuery, defineSignal, defineUpdate, setHandler, startChild, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { ActionResult, SignedAction } from '../../src/domain/action.js';
import type { Alert } from '../../src/domain/alert.js';
import type { IncidentView } from '../../src/domain/incident.js';
import type { IncidentStart } from '../../src/domain/messages.js';
import { searchAttributes } from '../../src/domain/search-attributes.js';
import { verified } from '../../src/domain/signing.js';
import type { StepReport } from '../../src/domain/step.js';

export { mode } from '../../src/workflows/mode.js';

/*
 * The smallest incident that keeps the promises which the HTTP server relies on: the alert signal, `show`, and each action
 * as an update and as a signal that count once. It starts a run for the query `progress`, and ends on `resolve`.
 */
export async function incident(start: IncidentStart): Promise<void> {
  const alerts: Alert[] = [];
  const said: string[] = [];
  const seen = new Set<string>();
  let over = false;

  const refusal = (action: SignedAction): string | undefined => {
    if (action.incidentId !== start.id || !verified(action, start.publicKeys)) return 'the signature is not ours';
    return action.action.kind === 'approve' ? `there is no question ${action.action.ask}` : undefined;
  };
  const act = (action: SignedAction): ActionResult => {
    if (!seen.has(action.id) && !refusal(action)) {
      seen.add(action.id);
      said.push(`${action.person} (${action.via}): ${action.action.kind}`);
      over ||= action.action.kind === 'resolve';
    }
    return { said: said.at(-1) ?? 'refused' };
  };
  setHandler(defineSignal<[Alert]>('alert'), (alert) => void alerts.push(alert));
  setHandler(defineQuery<IncidentView>('show'), () => viewOf(start, alerts, said));
  for (const kind of ['acknowledge', 'approve', 'note', 'resolve'] as const) {
    setHandler(defineSignal<[SignedAction]>(kind), (action) => void act(action));
    setHandler(defineUpdate<ActionResult, [SignedAction]>(kind), act, {
      validator(action) {
        const why = refusal(action);
        if (why) throw new Error(why);
      },
    });
  }
  upsertSearchAttributes([
    { key: searchAttributes.escalationLevel, value: 1 },
    { key: searchAttributes.nextEscalationAt, value: new Date(start.alert.acceptedAt + 300_000) },
    { key: searchAttributes.waitingFor, value: 'an acknowledgement' },
  ]);
  await startChild(run, { workflowId: `${start.id}/run/1`, parentClosePolicy: 'TERMINATE' });
  await condition(() => over);
}

export async function run(): Promise<void> {
  const progress: StepReport[] = [{ title: 'Check Disk Usage', phase: 'diagnose', acts: [] }];
  setHandler(defineQuery<StepReport[]>('progress'), () => progress);
  await condition(() => false);
}

function viewOf(start: IncidentStart, alerts: Alert[], said: string[]): IncidentView {
  const { alert } = start;
  const { workflowId } = workflowInfo();
  const target = alert.target;
  return {
    v: 1,
    incident: { id: start.id, workflowId, runbook: alert.runbook, title: alert.title, severity: start.severity, target, openedAt: alert.acceptedAt, links: start.links },
    state: 'open',
    mode: 'automatic',
    waitingFor: '',
    alerts: { count: alerts.length, lastAt: alerts.at(-1)?.acceptedAt ?? 0, lastStatus: alerts.at(-1)?.status ?? 'firing', description: '', labels: {} },
    level: 1,
    pages: [],
    asks: [],
    undos: [],
    runs: [{ n: 1, kind: 'full', workflowId: `${start.id}/run/1`, startedAt: 0, quietUntil: 0, phase: 'started', steps: [] }],
    found: [],
    done: said,
    followUps: [],
    timeline: [],
  };
}
