import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { webhookEndpointBack, webhookRedirects, failedDeliveries, openHook } from '../../sandbox/faults/webhooks.js';
import { webhookDeliveryFailuresProcedure as runbook } from '../../src/workflows/webhook-delivery-failures.js';
import { openRunbookWorld, outcomeOf, type RunbookWorld, type RunOptions } from '../support/runbook-world.js';

let world: RunbookWorld;
const disable = 'Disable Problematic Webhook';

beforeAll(async () => {
  world = await openRunbookWorld({ webhookWindow: 500 });
});
afterAll(() => world?.close());
beforeEach(() => world.authos.sql('truncate webhook_deliveries, webhooks'));
afterEach(async () => {
  // An open incident goes on with its checks and its next run, and would meet the next test.
  await world.world.endIncidents();
  await world.setMode('automatic', 'global');
});

// AuthOS's rate limits and the times of deliveries are real.
const run = (options: RunOptions = {}) => world.run(runbook, { place: { name: 'all' }, ...options });


async function hook() {
  const hooked = await openHook(world.authos);
  onTestFinished(() => hooked.endpoint.close());
  return hooked;
}
const isActive = async (id: string) => (await world.authos.sql<{ is_active: boolean }>('select is_active from webhooks where id = $1', [id]))[0]?.is_active;

describe('webhook delivery failures', () => {
  it('sends again what failed while the endpoint was down, each once and nothing else', async () => {
    const fault = webhookEndpointBack({ deliveries: 14 });
    await fault.put(world.authos);
    const { view } = await run();
    expect(view.runs[0]?.end).toBe('recovered');
    expect(outcomeOf(view, 'Retry Failed Deliveries')).toContain('the first one arrived; then 13 of 13 arrived');
    expect(view.asks).toEqual([]);
    expect(await fault.over(world.authos)).toMatchObject({ over: true });
  });

  it('works through every failing webhook of a global alert, and sends nothing again where the test does not arrive', async () => {
    const [good, bad] = [await hook(), await hook()];
    bad.endpoint.behaviour = { kind: 'answers', status: 500 };
    for (const one of [good, bad]) await failedDeliveries(world.authos, one, { count: 4, status: 500, error: "HTTP 500 '; drop table webhooks; $(reboot) \u001b[2J" });
    const { view } = await run({ answers: () => 'decline' });
    expect(outcomeOf(view, 'Retry Failed Deliveries')).toContain(`${good.id}: the first one arrived`);
    expect(good.endpoint.taken).toHaveLength(4);
    expect(outcomeOf(view, 'Verify Webhook Configuration')).toContain('a secret is set');
    expect(JSON.stringify(view)).not.toContain(good.endpoint.secret);
    expect(outcomeOf(view, disable)).toContain('skipped declined');
    expect(view.runs[0]?.end).toBe('unrecovered');
    expect([await isActive(good.id), await isActive(bad.id)]).toEqual([true, true]);
  });

  it('is mitigated with the webhook disabled on approval; once its endpoint takes requests it is enabled again, and watched', async () => {
    const { id, endpoint } = await hook();
    endpoint.behaviour = { kind: 'answers', status: 503 };
    await failedDeliveries(world.authos, { id }, { count: 3, status: 503, error: 'HTTP 503' });
    let isMended = false;
    const { view } = await run({
      place: { name: 'one', webhook: id },
      answers: (act) => (act === disable ? 'approve' : 'decline'),
      times: { checkEvery: 500 },
      until: (now) => {
        if (now.runs[0]?.end === 'mitigated' && !isMended) {
          isMended = true;
          endpoint.behaviour = { kind: 'takes' };
        }
        return now.state === 'closed';
      },
    });
    expect(view.runs[0]?.end).toBe('mitigated');
    expect(view.runs.at(-1)).toMatchObject({ kind: 'check', end: 'recovered' });
    expect(view.undos).toMatchObject([{ title: `Enable webhook ${id} again`, state: 'done' }]);
    expect(await isActive(id)).toBe(true);
  });

  it('disables nothing without an answer', async () => {
    const { id, endpoint } = await hook();
    await endpoint.close();
    await failedDeliveries(world.authos, { id }, { count: 3, status: null, error: 'Connection refused' });
    const { view } = await run({ times: { approvalExpires: 1_500 } });
    expect(outcomeOf(view, 'Retry Failed Deliveries')).toContain('no test arrived');
    expect(outcomeOf(view, disable)).toContain('skipped expired');
    expect(view.runs[0]?.end).toBe('unrecovered');
    expect(await isActive(id)).toBe(true);
  });

  it('leaves one that AuthOS has disabled itself to a person, and says so', async () => {
    const { id } = await hook();
    await failedDeliveries(world.authos, { id }, { count: 12, status: 503, error: 'HTTP 503' });
    await world.authos.sql('update webhooks set is_active = false, disabled_at = localtimestamp, consecutive_failures = 10');
    const { view } = await run({ answers: () => 'approve' });
    expect(view.runs[0]?.end).toBe('unrecovered');
    expect(view.followUps.join()).toContain(`AuthOS has disabled ${id} itself`);
    expect(view.asks).toEqual([]);
    expect(await isActive(id)).toBe(false);
  });

  it('sends no request of its own to where a redirect leads', async () => {
    const fault = webhookRedirects({ deliveries: 3 });
    await fault.put(world.authos);
    const { view } = await run({ answers: () => 'decline' });
    expect(view.runs[0]?.end).toBe('unrecovered');
    expect(outcomeOf(view, 'Send a signed request')).toContain('not followed');
    expect(await fault.over(world.authos)).toMatchObject({ evidence: expect.stringContaining('0 requests reached the address inside') });
  });

  it('adjusts retries on approval for endpoints that time out, and takes it back', async () => {
    const env = join(world.authos.root, '.env');
    const before = await readFile(env, 'utf8');
    await writeFile(env, before.replace('WEBHOOK_MAX_RETRIES=3', 'WEBHOOK_MAX_RETRIES=1'));
    onTestFinished(() => writeFile(env, before));
    const { id, endpoint } = await hook();
    endpoint.behaviour = { kind: 'answers', status: 504 };
    await failedDeliveries(world.authos, { id }, { count: 3, status: null, error: 'Operation timed out after 30000 milliseconds' });
    const { view, incident } = await run({
      answers: (act) => (act === 'Set WEBHOOK_MAX_RETRIES to 3' ? 'approve' : 'decline'),
      until: ({ undos, runs }) => runs[0]?.endedAt !== undefined && undos.length > 0,
    });
    expect(outcomeOf(view, 'Set WEBHOOK_MAX_RETRIES to 3')).toContain('done: WEBHOOK_MAX_RETRIES=3 in .env, webhooks.max_retries is 3');
    expect(outcomeOf(view, 'Set WEBHOOK_RETRY_DELAY to 60')).toContain('skipped condition does not hold');
    expect(view.undos).toMatchObject([{ kind: 'automatic', title: 'Write WEBHOOK_MAX_RETRIES=1 back', state: 'registered' }]);
    expect(await readFile(env, 'utf8')).toContain('WEBHOOK_MAX_RETRIES=3\n');
    // It is taken back at the latest when the incident closes.
    await incident.act({ kind: 'resolve', reason: 'the endpoint is somebody else\'s' });
    await incident.until(({ undos }) => undos[0]?.state === 'done', 'the undo');
    expect(await readFile(env, 'utf8')).toContain('WEBHOOK_MAX_RETRIES=1\n');
  });

  it.each(['observe-only', 'dry-run'] as const)('%s: sends nothing to anybody, and changes nothing', async (mode) => {
    const { id, endpoint } = await hook();
    await failedDeliveries(world.authos, { id }, { count: 3, status: 503, error: 'HTTP 503' });
    await world.setMode(mode, 'global');
    const { view } = await run();
    expect(view.runs[0]?.end).toBe('observed');
    expect(outcomeOf(view, 'Test Webhook Endpoint')).toContain('would run curl -X POST');
    expect(endpoint.taken).toEqual([]);
    expect((await world.authos.sql("select 1 from webhook_deliveries where event_type = 'webhook.test' or status <> 'failed'")).length).toBe(0);
  });

  it('claims nothing while the database is down, and with it the API', async () => {
    const { id } = await hook();
    await failedDeliveries(world.authos, { id }, { count: 3, status: 503, error: 'HTTP 503' });
    await world.authos.postgres.stop();
    try {
      const { view } = await run({ answers: () => 'approve' });
      expect(view.runs[0]?.end).toBe('unrecovered');
      expect(outcomeOf(view, 'Check Webhook Metrics')).toContain('failed');
      expect(outcomeOf(view, disable)).toContain('skipped condition does not hold');
      expect(view.asks).toEqual([]);
    } finally {
      await world.authos.postgres.restart();
    }
  });
});
