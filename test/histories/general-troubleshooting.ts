import { alertmanagerPayload } from '../../sandbox/faults/alertmanager.js';
import type { AlertmanagerPayload } from '../../sandbox/faults/fault.js';
import type { Fault } from '../../sandbox/faults/index.js';
import type { Authos } from '../../sandbox/authos/authos.js';
import { sendAlert } from '../../sandbox/drill/responder.js';
import { climbsTo, endsUncured, failing, isCured, keepAtTheQuestion } from './plays.js';
import type { Played, Scenario } from './scenario.js';

const clear = 'Clear all caches and restart';

async function alert(authos: Authos): Promise<AlertmanagerPayload> {
  return alertmanagerPayload({
    labels: { alertname: 'ClockSkew', severity: 'warning', environment: authos.environment, instance: `${authos.name}:9100` },
    annotations: { summary: 'The clock is off', description: `The clock of ${authos.name} is off by 70 ms.` },
    startsAt: new Date(),
  });
}

/** Something that no runbook was written for, and that is over when its monitor says so. */
const unheardOf: Fault = {
  name: 'unheard-of',
  runbook: 'generalTroubleshooting',
  title: 'An alert that fits no runbook',
  put: async () => undefined,
  alert,
  over: async () => ({ over: true, evidence: 'there was nothing to see' }),
};

export const generalTroubleshootingScenarios: Scenario[] = [
  {
    outcome: 'recovered',
    fault: unheardOf,
    async play(incident) {
      await untilObserved(incident);
      await incident.keep('open-observed');
      await saysResolved(incident);
      await incident.until('the watch', ({ state }) => state === 'watching');
      await incident.keep('open-in-the-watch');
    },
  },
  {
    outcome: 'recovered-after-a-run-on-request',
    fault: unheardOf,
    async play(incident) {
      await untilObserved(incident);
      await incident.act({ kind: 'check', run: true });
      await keepAtTheQuestion(incident);
      await incident.approve(clear);
      await untilTheRunOnRequestEnds(incident);
      await saysResolved(incident);
      await isCured()(incident);
    },
  },
  {
    outcome: 'approval-declined',
    fault: unheardOf,
    async play(incident) {
      await untilObserved(incident);
      await incident.act({ kind: 'check', run: true });
      await incident.decline(clear);
      await endsUncured()(incident);
    },
  },
  { outcome: 'unrecovered', fault: unheardOf, play: climbsTo(2) },
  {
    outcome: 'failed-step',
    fault: unheardOf,
    prepare: failing('herd', 'php: cannot allocate memory', 'optimize:clear'),
    async play(incident) {
      await untilObserved(incident);
      await incident.act({ kind: 'check', run: true });
      await incident.approve(clear);
      await untilTheRunOnRequestEnds(incident);
      await endsUncured()(incident);
    },
  },
];

async function untilObserved(incident: Played): Promise<void> {
  await incident.until('the end of the first look', ({ runs }) => runs[0]?.end === 'observed');
}

async function untilTheRunOnRequestEnds(incident: Played): Promise<void> {
  await incident.until('the end of the run', ({ runs }) => runs.filter(({ kind, endedAt }) => kind === 'full' && endedAt).length > 1);
}

async function saysResolved({ site }: Played): Promise<void> {
  const { alerts, ...firing } = await alert(site.authos);
  await sendAlert(site, { ...firing, status: 'resolved', alerts: alerts.map((one) => ({ ...one, status: 'resolved', endsAt: new Date().toISOString() })) });
}
