import type { WebhookTest } from '../activities/webhook-api.js';
import type { WebhookProof } from '../activities/webhook-proof.js';
import type { RunInput } from '../domain/messages.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { reading, waiting } from './calling.js';
import { openRun } from './run.js';
import { settingIsInForce } from './env-setting.js';
import { type Act, act, diagnostic, type On, type Procedure, type Proof, type Scene, step } from './step.js';

/** What steps of this runbook leave for later ones. */
interface Facts {
  /** The webhooks that this run works through, asked for once. */
  webhooks?: Promise<string[]>;
  tests?: WebhookTest[];
  retried?: Record<string, string[]>;
  /** This run has retried, or will not. */
  retryIsOver?: boolean;
  /** Of the approval of Disable Problematic Webhook. */
  toDisable?: string[];
  /** Webhooks that an earlier run or this one disabled on approval. */
  isDisabled?: boolean;
  /** Values of `.env` as they were, by key. */
  before?: Record<string, string | null>;
}

const factsOf = ({ facts }: Pick<Scene, 'facts'>): Facts => facts;
const id = ({ webhook }: Place): string => (webhook === undefined || webhook === 'all' ? '<each failing webhook>' : webhook);
const webhooks = ({ environment, webhook }: Place): string[] => [`webhook:${environment}:${webhook ?? 'all'}`];
/** At most so many failed deliveries of all webhooks are sent again in one run: 20 minutes, at AuthOS's 10 a minute. */
const mostRetried = 200;
const minutes = (count: number, { times }: Scene): number => count * times.minute;

/** The webhooks of this run: one, or for a global alert those over a threshold, 20 at most. Steps side by side ask once. */
async function failing(scene: Scene): Promise<string[]> {
  const facts = factsOf(scene);
  facts.webhooks ??= reading(scene.place.host, 'Which webhooks fail?', 1)
    .failingWebhooks({ place: scene.place })
    .then(({ data }) => data.webhooks);
  try {
    return await facts.webhooks;
  } catch (error) {
    // Asked again by the next step: the database may be back.
    delete facts.webhooks;
    throw error;
  }
}

const checkWebhookMetrics = diagnostic({
  title: 'Check Webhook Metrics',
  command: () => 'curl https://<authos>/api/v1/monitoring/metrics/webhooks; deliveries of 24 h by webhook',
  timeout: { minutes: 1, because: 'one request, and one query with its own time limit' },
  // The metrics are of all webhooks together; which one fails, its deliveries say.
  async find(on, scene) {
    const [metrics, each] = await Promise.all([on.checkWebhookMetrics({ place: scene.place }), on.failingWebhooks({ place: scene.place })]);
    return { evidence: `${metrics.evidence}\n${each.evidence}`.slice(0, 2_000), data: metrics.data };
  },
});

const reviewWebhookLogs = diagnostic({
  title: 'Review Webhook Logs',
  command: () => 'tail -n 200 storage/logs/webhooks.log | grep failed',
  timeout: { minutes: 1, because: 'the end of one file' },
  find: (on, { place }) => on.reviewWebhookLogs({ place }),
});

const testWebhookEndpoint = diagnostic({
  title: 'Test Webhook Endpoint',
  risk: 'safe', // it sends an event, which says that it is a test
  command: (place) => `curl -X POST https://<authos>/api/v1/webhooks/${id(place)}/test`,
  timeout: { minutes: 2, because: 'one test each, as fast as 5 a minute lets' },
  async find(_, scene) {
    const wanted = await failing(scene);
    if (wanted.length === 0) return { evidence: 'no webhook to test', data: [] };
    const { tests } = await waiting(scene.place.host, 'Test Webhook Endpoint', 15 * 60_000).testWebhooks({ place: scene.place, webhooks: wanted });
    factsOf(scene).tests = tests;
    const passed = tests.filter((test) => test.passed === true).length;
    return { evidence: [`${passed} of ${tests.length} tests arrived`, ...tests.map(({ webhook, words }) => `${webhook}: ${words}`)].join('\n').slice(0, 2_000), data: passed };
  },
});

const checkNetworkConnectivity = diagnostic({
  title: 'Check Network Connectivity',
  command: (place) => `curl -I <url of webhook ${id(place)}>, to its resolved address, no redirect followed`,
  timeout: { minutes: 4, because: 'up to 20 endpoints, 10 s each' },
  async find(on, scene) {
    const wanted = await failing(scene);
    return wanted.length === 0 ? { evidence: 'no endpoint to ask', data: { reachable: [] } } : on.checkConnectivity({ place: scene.place, webhooks: wanted });
  },
});

/** One delivery first, then the rest: each once, as fast as 10 a minute lets. A webhook whose first one does not arrive gets no more. */
async function retryDeliveries(scene: Scene): Promise<ActResult> {
  const { place, times } = scene;
  const facts = factsOf(scene);
  const patient = waiting(place.host, 'Retry Failed Deliveries', 45 * 60_000);
  const lines: string[] = [];
  let room = mostRetried;
  let asked = 0;
  for (const { webhook } of (facts.tests ?? []).filter(({ passed }) => passed === true)) {
    if (room === 0) {
      lines.push(`${webhook}: left, one run sends no more than ${mostRetried}`);
      continue;
    }
    const { ids, all } = await patient.failedDeliveriesOf({ place, webhook, most: room });
    const [first, ...rest] = ids;
    if (first === undefined) continue;
    room -= ids.length;
    asked += ids.length;
    const sent = async (some: string[]): Promise<{ arrived: string[]; words: string }> => {
      const { retried, refused } = await patient.retryDeliveries({ place, ids: some });
      facts.retried = { ...facts.retried, [webhook]: [...(facts.retried?.[webhook] ?? []), ...retried] };
      if (retried.length === 0) return { arrived: [], words: `AuthOS sends none again: ${refused[0] ?? ''}` };
      const { arrived, failed, underWay } = await patient.followDeliveries({ place, ids: retried, until: Date.now() + minutes(5, scene), every: Math.max(200, Math.round(times.minute / 30)) });
      return { arrived, words: `${arrived.length} of ${some.length} arrived, ${failed.length} failed again, ${underWay.length} under way, ${refused.length} not taken` };
    };
    const one = await sent([first]);
    if (one.arrived.length === 0) lines.push(`${webhook}: the first one did not arrive, so the other ${rest.length} were left: ${one.words}`);
    else if (rest.length === 0) lines.push(`${webhook}: ${one.words}`);
    else lines.push(`${webhook}: the first one arrived; then ${(await sent(rest)).words}`);
    if (all > ids.length) lines.push(`${webhook}: ${all - ids.length} older ones are left: one run sends no more than ${mostRetried}`);
  }
  const arrivedAll = lines.every((line) => !line.includes('did not arrive'));
  if (asked === 0) return { outcome: 'refused', evidence: 'no failed deliveries of the last 24 h are left' };
  return { outcome: arrivedAll ? 'done' : 'failed', evidence: lines.join('\n').slice(0, 2_000) };
}

const retryFailedDeliveries = step({
  title: 'Retry Failed Deliveries',
  risk: 'safe',
  command: () => 'curl -X POST https://<authos>/api/v1/webhook-deliveries/<each that failed in 24 h>/retry: one first, then the rest, 10 a minute, each once',
  when: {
    says: 'the test of Test Webhook Endpoint arrived',
    async holds(_, scene) {
      const { tests = [] } = factsOf(scene);
      const passed = tests.filter((test) => test.passed === true).map(({ webhook }) => webhook);
      if (passed.length === 0) factsOf(scene).retryIsOver = true;
      return { holds: passed.length > 0, why: passed.length > 0 ? `the test arrived at ${passed.join(', ')}` : `no test arrived (${tests.length} sent)` };
    },
  },
  touches: webhooks,
  timeout: { minutes: 40, because: 'up to 200 deliveries at 10 a minute, and the answers are waited for' },
  async do(_, scene) {
    const result = await retryDeliveries(scene);
    factsOf(scene).retryIsOver = true;
    return result;
  },
});

const verifyWebhookConfiguration = step({
  title: 'Verify Webhook Configuration',
  risk: 'observe',
  command: (place) => `select url, is_active, secret is not null from webhooks where id = ${id(place)}; never the secret`,
  touches: () => [],
  timeout: { minutes: 1, because: 'one query a webhook' },
  async do(on, scene) {
    const wanted = await failing(scene);
    return wanted.length === 0 ? { outcome: 'done', evidence: 'no webhook fails' } : on.describeWebhooks({ place: scene.place, webhooks: wanted });
  },
});

const checkWebhookEndpoint = step({
  title: 'Check Webhook Endpoint',
  acts: [
    act({
      name: 'Check address and certificate',
      risk: 'observe',
      command: (place) => `curl -I <url of webhook ${id(place)}>; a TLS handshake, days left`,
      touches: () => [],
      timeout: { minutes: 8, because: 'up to 20 endpoints, 10 s for the answer and 10 s for the handshake' },
      async do(on, scene) {
        const wanted = await failing(scene);
        return wanted.length === 0 ? { outcome: 'done', evidence: 'no webhook fails' } : on.checkEndpoints({ place: scene.place, webhooks: wanted });
      },
    }),
    act({
      name: 'Send a signed request',
      risk: 'safe',
      command: (place) => `POST <url of webhook ${id(place)}> {"event":"webhook.test"}, signed with its secret`,
      when: {
        says: 'there is a webhook to ask',
        async holds(_, scene) {
          const wanted = await failing(scene);
          return { holds: wanted.length > 0, why: `webhooks: ${wanted.join(', ') || 'none'}` };
        },
      },
      touches: webhooks,
      settle: 'none',
      timeout: { minutes: 4, because: 'up to 20 endpoints, 10 s each' },
      do: async (on, scene) => on.sendSignedRequests({ place: scene.place, webhooks: await failing(scene) }),
    }),
  ],
});

/** One line of `.env`, with the old one written back after the incident. */
function adjust(key: 'WEBHOOK_MAX_RETRIES' | 'WEBHOOK_RETRY_DELAY', value: string): Act {
  const touches = ({ environment, host }: Place): string[] => [`env:${environment}`, `file:.env@${environment}`, `service:php@${host}`];
  return act({
    name: `Set ${key} to ${value}`,
    risk: 'disruptive',
    command: () => `${key}=${value} in .env, config:cache if there was one, a reload, queue:restart`,
    when: {
      says: `most failures are timeouts or 5xx, ${key} is not ${value}, and there is one host`,
      async holds(on, scene) {
        const { holds, why, old } = await on.retryLogicToAdjust({ place: scene.place, webhooks: await failing(scene), key });
        if (old !== undefined) scene.facts['before'] = { ...factsOf(scene).before, [key]: old };
        return { holds, why };
      },
    },
    touches,
    look: (on, { place }) => settingIsInForce(on, place, key, value),
    timeout: { minutes: 5, because: 'a reload finishes the requests it has, and the value is read back' },
    undo: {
      says: `writes ${key} back by itself, if it is still ours`,
      async entry(_, scene) {
        const { place } = scene;
        const old = factsOf(scene).before?.[key];
        if (old === undefined) return undefined;
        return {
          kind: 'automatic',
          title: old === null ? `Take ${key} out again` : `Write ${key}=${old} back`,
          host: place.host,
          activity: 'restoreEnv',
          argument: { place, key, ours: value, old },
          touches: touches(place),
        };
      },
    },
    do: (on, { place }) => on.setEnv({ place, key, value }),
  });
}

const adjustRetryLogic = step({
  title: 'Adjust Retry Logic',
  acts: [adjust('WEBHOOK_MAX_RETRIES', '3'), adjust('WEBHOOK_RETRY_DELAY', '60')],
});

const disable = 'Disable Problematic Webhook';

const disableProblematicWebhook = step({
  title: disable,
  risk: 'disruptive',
  command: (place) => `curl -X POST https://<authos>/api/v1/webhooks/${id(place)}/disable`,
  when: {
    says: 'the steps before left it failing: it is active, and its newest delivery failed',
    async holds(on, scene) {
      const wanted = await failing(scene);
      const { holds, why, webhooks: still } = await on.webhooksToDisable({ place: scene.place, webhooks: wanted });
      scene.facts['toDisable'] = still;
      return { holds, why };
    },
  },
  touches: webhooks,
  onceAnIncident: true, // and by that later runs know whose doing it is that a webhook is disabled
  async look(on, scene) {
    const { done, evidence } = await on.webhooksAreDisabled({ place: scene.place, webhooks: factsOf(scene).toDisable ?? [] });
    return done ? { outcome: 'done', evidence } : undefined;
  },
  timeout: { minutes: 3, because: 'up to 20 webhooks, each read back' },
  undo: {
    says: 'enables it again by itself, once its endpoint answers',
    async entry(_, scene) {
      const { place } = scene;
      const { toDisable = [] } = factsOf(scene);
      if (toDisable.length === 0) return undefined;
      return {
        kind: 'automatic',
        title: `Enable webhook ${toDisable.join(', ')} again`,
        host: place.host,
        activity: 'enableWebhooks',
        argument: { place, webhooks: toDisable },
        touches: webhooks(place),
      };
    },
  },
  async do(on, scene) {
    const { toDisable = [] } = factsOf(scene);
    if (toDisable.length === 0) return { outcome: 'refused', evidence: 'no webhook is failing any more' };
    scene.facts['isDisabled'] = true;
    return on.disableWebhooks({ place: scene.place, webhooks: toDisable });
  },
});

async function proofOf(scene: Scene): Promise<Omit<WebhookProof, 'window'>> {
  const { retried = {}, retryIsOver = false, isDisabled = false } = factsOf(scene);
  const wanted = await failing(scene);
  return { place: scene.place, webhooks: wanted, retried, disabled: isDisabled ? wanted : [], retryIsDue: !retryIsOver, mayTest: scene.mode === 'automatic' };
}

const recovered: Proof = {
  says: 'the test of each webhook arrives and so did its retried deliveries, or ≥ 95 % of ≥ 20 deliveries since the last step; disabled on approval: mitigated until its endpoint takes requests',
  check: async (on: On, scene, window) => on.proveWebhooks({ ...(await proofOf(scene)), window }),
};

/** "Webhook Delivery Failures" as data, with what RUNBOOKS.md says around its steps. */
export const webhookDeliveryFailuresProcedure: Procedure = {
  type: 'webhookDeliveryFailures',
  title: 'Webhook Delivery Failures',
  severity: 'Medium',
  target: 'webhook id',
  triggers: ['Webhook success rate < 95%', '>50 failed deliveries per day for a webhook', 'Multiple webhook timeouts'],
  impact: ['Third-party integration failures', 'Delayed notifications', 'Data sync issues'],
  prevention: ['Implement exponential backoff', 'Monitor webhook endpoint health', 'Set appropriate timeouts', 'Log detailed failure reasons', 'Coordinate with webhook consumers'],
  // For a webhook that the config calls business-critical, routing adds the Integration Engineer and the endpoint's owner to level 1.
  ladder: { besides: [], told: [], levels: [{ afterMinutes: 60, role: 'Integration Engineer' }] },
  diagnose: [checkWebhookMetrics, reviewWebhookLogs, testWebhookEndpoint, checkNetworkConnectivity],
  resolve: [retryFailedDeliveries, verifyWebhookConfiguration, checkWebhookEndpoint, adjustRetryLogic, disableProblematicWebhook],
  recovered,
};

/** Webhook Delivery Failures: docs/runbooks.md#webhook-delivery-failures. */
export async function webhookDeliveryFailures(input: RunInput): Promise<void> {
  const run = openRun(input);
  const { facts } = run.conduct.scene;
  // A check-only run sends nothing again. Whether a webhook is disabled on approval is in the incident's books.
  if (input.kind === 'check') facts['retryIsOver'] = true;
  facts['isDisabled'] = input.usedUp.includes(disable);
  await run.diagnose(...webhookDeliveryFailuresProcedure.diagnose);
  await run.resolveUntil(recovered, webhookDeliveryFailuresProcedure.resolve);
  const offAlready = factsOf(run.conduct.scene).tests?.filter(({ words }) => words.startsWith('it is disabled in AuthOS')) ?? [];
  if (offAlready.length > 0 && facts['isDisabled'] !== true) run.conduct.followUps.push(`AuthOS has disabled ${offAlready.map(({ webhook }) => webhook).join(', ')} itself: enable it again once its endpoint is in order`);
  await run.end();
}
