import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { failedDeliveries, openHook } from '../../sandbox/faults/webhooks.js';
import { openEndpoint } from '../../sandbox/faults/webhook-endpoint.js';
import { authosApi } from '../../src/activities/health-api.js';
import { createScrub } from '../../src/activities/scrub.js';
import { webhookActivities } from '../../src/activities/webhooks.js';
import { type HostWorld, openHostWorld } from '../support/runbook-world.js';
import { inActivity, patiently } from './support.js';

let world: HostWorld;
const on = () => world.activities;
const place = () => ({ place: world.place });
const look = { samples: 1, every: 0, notBefore: 0, since: Date.now() };
/** AuthOS's minute here, ms. */
const minute = 1_200;

beforeAll(async () => {
  world = await openHostWorld({ webhookWindow: minute });
});
afterAll(() => world?.close());
beforeEach(() => world.authos.sql('truncate webhook_deliveries, webhooks'));

async function hook(more: { url?: string } = {}) {
  const opened = await openHook(world.authos, more);
  onTestFinished(() => opened.endpoint.close());
  return opened;
}
const isActive = async (id: string): Promise<boolean> => (await world.authos.sql<{ is_active: boolean }>('select is_active from webhooks where id = $1', [id]))[0]!.is_active;
const setActive = (id: string, active: boolean) => world.authos.sql('update webhooks set is_active = $2 where id = $1', [id, active]);
const test = async (...webhooks: string[]) => (await patiently(() => on().testWebhooks({ ...place(), webhooks }))).tests;
const arrive = (id: string, count: number) =>
  world.authos.sql("insert into webhook_deliveries (webhook_id, event_type, status, completed_at) select $1, 'user.created', 'success', localtimestamp from generate_series(1, $2)", [id, count]);

describe('which webhooks fail', () => {
  it('is told by their own deliveries: worst first, none without deliveries, none that is fine', async () => {
    const [bad, worse, fine, silent] = [await hook(), await hook(), await hook(), await hook()];
    await failedDeliveries(world.authos, bad, { count: 1, status: 500, error: 'HTTP 500' });
    await failedDeliveries(world.authos, worse, { count: 30, status: null, error: 'Operation timed out after 30000 milliseconds' });
    await arrive(fine.id, 5);
    const { data, evidence } = await inActivity(() => on().failingWebhooks(place()));
    expect(data).toEqual({ webhooks: [worse.id, bad.id], all: 2 });
    expect(evidence).toContain(`${worse.id}: 0 of 30 arrived (0 %), 30 failed, 30 by timeout, 0 by a 5xx`);
    expect((await inActivity(() => on().failingWebhooks({ place: { ...world.place, webhook: silent.id } }))).data.webhooks).toEqual([silent.id]);
  });

  it('is told for 20 at most', async () => {
    for (let n = 0; n < 22; n += 1) {
      const [row] = await world.authos.sql<{ id: string }>("insert into webhooks (name, url) values ('x', 'http://127.0.0.1:1/') returning id::text as id");
      await failedDeliveries(world.authos, { id: row!.id }, { count: 1, status: 500, error: 'x' });
    }
    const { data } = await inActivity(() => on().failingWebhooks(place()));
    expect([data.webhooks.length, data.all]).toEqual([20, 22]);
  });

  it.each(['../../etc', "1'; drop table webhooks; --", '$(reboot)', '1/../2', 'a b', '1\n', '-1', 'x'.repeat(65), ''])('takes no id like %j', async (webhook) => {
    await expect(inActivity(() => on().failingWebhooks({ place: { ...world.place, webhook } }))).rejects.toThrow('no id of a webhook');
    await expect(inActivity(() => on().testWebhooks({ ...place(), webhooks: [webhook] }))).rejects.toThrow('no id of a webhook');
    await expect(inActivity(() => on().retryDeliveries({ ...place(), ids: [webhook] }))).rejects.toThrow('no id of a webhook');
    await expect(inActivity(() => on().disableWebhooks({ ...place(), webhooks: [webhook] }))).rejects.toThrow('no id of a webhook');
  });
});

describe("AuthOS's test", () => {
  it('arrives, or does not, in words; one that AuthOS has disabled is not tested, and says so', async () => {
    const [good, bad, off] = [await hook(), await hook(), await hook()];
    bad.endpoint.behaviour = { kind: 'answers', status: 503 };
    await setActive(off.id, false);
    expect(await test(good.id, bad.id, off.id, '999999')).toEqual([
      { webhook: good.id, passed: true, words: expect.stringContaining('the test arrived: HTTP 204') },
      { webhook: bad.id, passed: false, words: expect.stringContaining('HTTP 503') },
      { webhook: off.id, passed: false, words: expect.stringContaining('it is disabled in AuthOS') },
      { webhook: '999999', passed: false, words: 'AuthOS knows no such webhook' },
    ]);
    expect(off.endpoint.requests).toBe(0);
  });

  it('keeps to the limit of 5 a minute, and tests each once', async () => {
    const hooks = [];
    for (let n = 0; n < 8; n += 1) hooks.push(await hook());
    const startedAt = Date.now();
    expect((await test(...hooks.map(({ id }) => id))).every(({ passed }) => passed === true)).toBe(true);
    expect(Date.now() - startedAt).toBeGreaterThan(500);
    expect(hooks.map(({ endpoint }) => endpoint.requests)).toEqual(hooks.map(() => 1));
  });

  it.each([
    ['HTML', 200, '<html>login</html>', 'instead of JSON'],
    ['JSON that says nothing', 200, '{"message":"queued"}', 'does not say how it went'],
    ['a refused token', 401, '{"message":"Unauthenticated."}', 'AuthOS answered 401'],
    ['an error of its own', 500, '{"message":"Server Error"}', 'AuthOS answered 500'],
  ])('passes for nobody where AuthOS answers with %s', async (_, status, body, words) => {
    const { id } = await hook();
    const http = createServer((__, response) => void response.writeHead(status, { 'content-type': 'application/json' }).end(body));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    const api = () => authosApi({ baseUrl: `http://127.0.0.1:${(http.address() as AddressInfo).port}` });
    const { host, databaseUrl } = world.authos.inventory();
    const odd = webhookActivities({ hosts: [host], databaseOf: () => ({ connectionString: databaseUrl }), apiOf: api, commandsOf: api, scrub: createScrub([]) });
    const { tests } = await patiently(() => odd.testWebhooks({ ...place(), webhooks: [id] }));
    expect(tests).toEqual([{ webhook: id, words: expect.stringContaining(words) }]);
    expect((await inActivity(() => odd.checkWebhookMetrics(place()))).evidence).toContain('webhook metrics unknown');
  });
});

describe('sending again', () => {
  it('asks for each failed delivery once, at 10 a minute, and follows them', async () => {
    const { id, endpoint } = await hook();
    const ids = await failedDeliveries(world.authos, { id }, { count: 13, status: 503, error: 'HTTP 503' });
    expect(await inActivity(() => on().failedDeliveriesOf({ ...place(), webhook: id, most: 5 }))).toMatchObject({ all: 13, ids: { length: 5 } });
    const { retried, refused } = await patiently(() => on().retryDeliveries({ ...place(), ids }));
    expect([retried, refused]).toEqual([ids, []]);
    expect(endpoint.taken.toSorted()).toEqual(ids.toSorted());
    const until = Date.now() + 5_000;
    expect(await patiently(() => on().followDeliveries({ ...place(), ids, until, every: 50 }))).toEqual({ arrived: ids, failed: [], underWay: [] });
    // What has arrived is not sent again.
    expect(await patiently(() => on().retryDeliveries({ ...place(), ids: ids.slice(0, 1) }))).toEqual({ retried: [], refused: [`${ids[0] ?? ''}: it is success`] });
    expect(endpoint.taken).toHaveLength(13);
  });
});

describe('the configuration of a webhook', () => {
  it('is told without the secret, and without what a URL may hide', async () => {
    const { id, endpoint } = await hook({ url: 'https://user:hidden@hooks.example.com/path?token=hidden' });
    const { evidence } = await inActivity(() => on().describeWebhooks({ ...place(), webhooks: [id] }));
    expect(evidence).toContain(`${id} Orders: https://hooks.example.com/path?…, active, a secret is set, timeout 2 s`);
    expect(evidence).not.toContain('hidden');
    expect(evidence).not.toContain(endpoint.secret);
  });
});

describe('an endpoint', () => {
  it('can be reached if it gives any HTTP answer', async () => {
    const [teapot, dead] = [await hook(), await hook()];
    teapot.endpoint.behaviour = { kind: 'answers', status: 500 };
    await dead.endpoint.close();
    const { data, evidence } = await inActivity(() => on().checkConnectivity({ ...place(), webhooks: [teapot.id, dead.id] }));
    expect(data.reachable).toEqual([teapot.id]);
    expect(evidence).toContain('ECONNREFUSED');
  });

  it('inside is never asked, by URL or by redirect', async () => {
    const inside = await openEndpoint(world.authos, { host: '127.0.0.2' });
    onTestFinished(() => inside.close());
    const [direct, redirecting] = [await hook({ url: inside.url }), await hook()];
    redirecting.endpoint.behaviour = { kind: 'redirects', to: inside.url };
    const webhooks = [direct.id, redirecting.id];
    const said = await inActivity(() => on().checkConnectivity({ ...place(), webhooks }));
    expect(said.evidence).toContain('not asked: 127.0.0.2 is not an address of the public internet');
    expect(said.evidence).toContain('HTTP 302');
    await inActivity(() => on().checkEndpoints({ ...place(), webhooks }));
    expect(await inActivity(() => on().sendSignedRequests({ ...place(), webhooks }))).toMatchObject({ outcome: 'failed' });
    expect(inside.requests).toBe(0);
  });

  it('gets a request that is signed with the secret', async () => {
    const { id, endpoint } = await hook();
    const { outcome, evidence } = await inActivity(() => on().sendSignedRequests({ ...place(), webhooks: [id] }));
    expect(outcome).toBe('done');
    expect(evidence).toContain('does not prove that they checked the signature');
    expect(evidence).not.toContain(endpoint.secret);
    await world.authos.sql("update webhooks set secret = 'another' where id = $1", [id]);
    expect(await inActivity(() => on().sendSignedRequests({ ...place(), webhooks: [id] }))).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining('HTTP 401') });
  });
});

describe('disabling', () => {
  it('is read back, and taken back only once the endpoint answers', async () => {
    const { id, endpoint } = await hook();
    await endpoint.close();
    await test(id);
    expect(await inActivity(() => on().webhooksToDisable({ ...place(), webhooks: [id] }))).toMatchObject({ holds: true, webhooks: [id] });
    expect(await inActivity(() => on().disableWebhooks({ ...place(), webhooks: [id] }))).toMatchObject({ outcome: 'done' });
    expect(await isActive(id)).toBe(false);
    const undo = () => inActivity(() => on().enableWebhooks({ ...place(), webhooks: [id] }));
    expect(await undo()).toMatchObject({ outcome: 'refused', evidence: expect.stringContaining('does not answer yet') });
    await endpoint.reopen();
    endpoint.behaviour = { kind: 'answers', status: 503 };
    expect(await undo()).toMatchObject({ outcome: 'refused' });
    expect(await isActive(id)).toBe(false);
    endpoint.behaviour = { kind: 'takes' };
    expect(await undo()).toMatchObject({ outcome: 'done' });
    expect(await isActive(id)).toBe(true);
    expect(await undo()).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('enabled already') });
  });

  it('is nothing for a webhook whose last delivery arrived', async () => {
    const { id } = await hook();
    await test(id);
    expect(await inActivity(() => on().webhooksToDisable({ ...place(), webhooks: [id] }))).toMatchObject({ holds: false, webhooks: [] });
  });
});

describe('retry settings', () => {
  it('are adjusted only for timeouts and 5xx, and only where they differ', async () => {
    const { id } = await hook();
    const ask = () => inActivity(() => on().retryLogicToAdjust({ ...place(), webhooks: [id], key: 'WEBHOOK_MAX_RETRIES' }));
    await failedDeliveries(world.authos, { id }, { count: 3, status: 404, error: 'HTTP 404' });
    expect(await ask()).toMatchObject({ holds: false, why: expect.stringContaining('0 of 3 failures') });
    await failedDeliveries(world.authos, { id }, { count: 4, status: 502, error: 'HTTP 502' });
    expect(await ask()).toMatchObject({ holds: false, old: '3', why: expect.stringContaining('running with 3') });
    const several = { ...world.place, hosts: [world.place.host, 'app-2'] };
    expect(await inActivity(() => on().retryLogicToAdjust({ place: several, webhooks: [id], key: 'WEBHOOK_RETRY_DELAY' }))).toMatchObject({ holds: false, why: expect.stringContaining('by hand') });
  });
});

describe('the proof', () => {
  const prove = (id: string, more: object = {}) =>
    patiently(() => on().proveWebhooks({ ...place(), webhooks: [id], retried: {}, disabled: [], retryIsDue: false, mayTest: true, window: { ...look, since: Date.now() - 1_000 }, ...more }));

  it('holds when the test arrives, and not while something is still to be sent again', async () => {
    const { id } = await hook();
    const ids = await failedDeliveries(world.authos, { id }, { count: 2, status: 503, error: 'HTTP 503' });
    expect(await prove(id)).toMatchObject({ kind: 'recovered' });
    expect(await prove(id, { retryIsDue: true })).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('2 failed deliveries') });
    expect(await prove(id, { retried: { [id]: ids } })).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('2 of 2 retried deliveries have not arrived') });
    expect(await prove(id, { mayTest: false })).toMatchObject({ kind: 'unknown' });
  });

  it('goes by 20 deliveries or more since the step, where there are so many', async () => {
    const { id, endpoint } = await hook();
    await endpoint.close();
    await arrive(id, 19);
    expect(await prove(id)).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('the test did not arrive') });
    await arrive(id, 1);
    expect(await prove(id)).toMatchObject({ kind: 'recovered', evidence: expect.stringContaining('20 of 20 arrived') });
    await world.authos.sql("insert into webhook_deliveries (webhook_id, event_type, status, completed_at) select $1, 'user.created', 'failed', localtimestamp from generate_series(1, 3)", [id]);
    expect(await prove(id)).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('20 of 23 arrived') });
  });

  it('is mitigated by our own disabling only, and holds once the endpoint takes requests', async () => {
    const { id, endpoint } = await hook();
    await setActive(id, false);
    endpoint.behaviour = { kind: 'answers', status: 503 };
    expect(await prove(id)).toEqual({ kind: 'not recovered', evidence: expect.stringContaining('AuthOS has disabled it itself') });
    expect(await prove(id, { disabled: [id] })).toMatchObject({ kind: 'not recovered', mitigated: true });
    endpoint.behaviour = { kind: 'takes' };
    expect(await prove(id, { disabled: [id] })).toMatchObject({ kind: 'recovered' });
  });

  it('is unknown without the database, and says that there is no such webhook', async () => {
    const { id } = await hook();
    expect(await prove('424242')).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('no such webhook') });
    await world.authos.postgres.stop();
    try {
      expect(await prove(id)).toMatchObject({ kind: 'unknown' });
    } finally {
      await world.authos.postgres.restart();
    }
  });
});
