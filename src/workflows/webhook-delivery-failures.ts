import type { WebhookProof } from '../activities/webhook-proof.js';
import type { RunInput } from '../domain/messages.js';
import { waiting } from './calling.js';
import { openRun } from './run.js';
import { act, diagnostic, type On, type Procedure, type Proof, type Scene, step } from './step.js';
import { adjust, retryDeliveries } from './webhook-retries.js';
import { factsOf, failing, id, webhooks } from './webhooks.js';

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
