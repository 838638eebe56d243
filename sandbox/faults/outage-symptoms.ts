import { setTimeout as delay } from 'node:timers/promises';
import type { Authos } from '../authos/authos.js';
import { alertmanagerPayload } from './alertmanager.js';
import type { Fault } from './fault.js';
import { dispatch, pendingOf } from './queue-jobs.js';
import { keepRequesting, timesOf } from './traffic.js';
import { works, openHook, type Hook } from './webhooks.js';

const endpoint = '/api/v1/directory';

/**
 * What monitors report besides, once the database of AuthOS is gone. `put` only lays ready what will break with it: these are no
 * faults of their own, and are over with their cause, or need a little more once it is.
 */
export const outageSymptoms = (): Fault[] => [tokenFailures(), slowApi(), waitingJobs(), webhookTimeouts()];

function tokenFailures(): Fault {
  return {
    name: 'outage-tokens',
    runbook: 'oauthSystemFailure',
    title: 'No token is made without the database',
    put: () => Promise.resolve(),
    alert: async (authos) => alert(authos, 'OAuthSystemFailure', { severity: 'critical', summary: 'Tokens are refused' }),
    async over(authos) {
      const response = await fetch(`${authos.url}/api/health/oauth`);
      const { result } = (await response.json()) as { result?: { status?: string } };
      return { over: result?.status === 'healthy', evidence: `OAuth health is ${result?.status ?? 'not there'}` };
    },
    answers: () => undefined,
  };
}

function slowApi(): Fault {
  return {
    name: 'outage-api',
    runbook: 'highApiResponseTimes',
    title: 'An endpoint waits for the database',
    async put(authos) {
      keepRequesting(authos, endpoint, { users: 1, perSecond: 2 });
      await timesOf(authos, endpoint, 3);
    },
    alert: async (authos) => alert(authos, 'HighApiResponseTime', { summary: 'The slowest request took 10 s' }),
    async over(authos) {
      const slowest = Math.round(Math.max(...(await timesOf(authos, endpoint, 10))));
      return { over: slowest <= 500, evidence: `the slowest of 10 requests took ${slowest} ms` };
    },
    answers: () => undefined,
  };
}

function waitingJobs(): Fault {
  const jobs = 5;
  return {
    name: 'outage-queue',
    runbook: 'failedQueueJobs',
    title: 'Workers end without the database, and are given up',
    needs: () => ({ queueWorkers: 1, retryAfter: 5 }),
    put: async (authos) => void (await dispatch(authos, 'App\\Jobs\\SendNotification', Array.from({ length: jobs }, () => ({ ms: 5 })))),
    alert: async (authos) => alert(authos, 'QueueNotProcessed', { queue: 'default', summary: 'No worker takes jobs' }),
    async over(authos) {
      await dispatch(authos, 'App\\Jobs\\SendNotification', [{ ms: 5 }]);
      const giveUpAt = Date.now() + 10_000;
      while ((await pendingOf(authos)) > 0 && Date.now() < giveUpAt) await delay(100, undefined, { signal: authos.closing });
      const pending = await pendingOf(authos);
      return { over: pending === 0, evidence: `${pending} jobs wait; ${authos.supervisor?.pids.length ?? 0} workers run` };
    },
    answers: (act) => (act === 'Restart the workers through their supervisor' ? { approve: true, reason: '' } : undefined),
  };
}

function webhookTimeouts(): Fault {
  let hook: Hook | undefined;
  return {
    name: 'outage-webhooks',
    runbook: 'webhookDeliveryFailures',
    title: 'No delivery is sent without the database',
    needs: (scale) => ({ webhookWindow: 60_000 * scale }),
    async put(authos) {
      hook = await openHook(authos);
    },
    alert: async (authos) => alert(authos, 'WebhookDeliveryFailures', { summary: 'Multiple webhook timeouts' }),
    async over(authos) {
      if (hook === undefined) throw new Error('The webhook has not been made');
      return works(authos, hook);
    },
    answers: () => undefined,
  };
}

function alert(authos: Authos, alertname: string, { summary, severity = 'warning', ...labels }: { summary: string; severity?: string; queue?: string }): ReturnType<typeof alertmanagerPayload> {
  return alertmanagerPayload({
    labels: { alertname, severity, environment: authos.environment, instance: `${authos.name}:443`, job: 'authos', ...labels },
    annotations: { summary, description: `${summary} on ${authos.name}` },
    startsAt: new Date(),
  });
}
