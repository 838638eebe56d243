import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseDown, databaseExhausted } from '../../sandbox/faults/index.js';
import { addFailedJobs } from '../../sandbox/faults/fill.js';
import { request } from '../../sandbox/faults/traffic.js';
import { failedDeliveries, type Hook, openHook } from '../../sandbox/faults/webhooks.js';
import type { PatrolLookActivities } from '../../src/activities/patrol-look.js';
import { ruleFor } from '../../src/alerts/rules.js';
import { loadConfig } from '../../src/config.js';
import { goRound, noPatrol, type PatrolMemory, type Reading } from '../../src/domain/patrol.js';
import { activitiesOfHost } from '../../src/workers/host-activities.js';
import { inActivity } from '../activities/support.js';
import { type HostWorld, openHostWorld } from '../support/runbook-world.js';

/*
 * What the patrol's looks at a real sandbox say, fault by fault. Its way through Temporal, and the faults that take their time
 * (brute force, certificates, keys, a slow endpoint), are in test/contract/monitors.test.ts.
 */

const minute = 60_000;
let world: HostWorld;
let here: PatrolLookActivities;
/** Of a worker whose AuthOS does not answer. */
let cutOff: PatrolLookActivities;
let memory: PatrolMemory = noPatrol;
let last: Reading;

beforeAll(async () => {
  world = await openHostWorld({ monitoringPerMinute: 10_000 });
  const config = loadConfig(world.config);
  here = activitiesOfHost(config);
  const environments = Object.fromEntries(Object.entries(config.environments).map(([name, one]) => [name, { ...one, authos: { ...one.authos, url: 'http://127.0.0.1:1' } }]));
  cutOff = activitiesOfHost({ ...config, environments });
});
afterAll(() => world?.close());

/** One look, as the workflow does it: what it hands on, `alertname status`. */
async function look(by: PatrolLookActivities = here): Promise<string[]> {
  const { place, authos } = world;
  const host = await inActivity(() => by.patrolHost({ place, mounts: [join(authos.root, 'storage')], domains: [], minute }));
  const site = await inActivity(() => by.patrolSite({ place, queues: ['default', 'mail'] }));
  last = { at: Date.now(), environment: place.environment, hosts: [host], site, silent: {} };
  const round = goRound(memory, [last], { minute }, Date.now());
  memory = JSON.parse(JSON.stringify(round.memory)) as PatrolMemory;
  const told = [...round.alerts.map(({ judgement, status }) => `${judgement.alertname} ${status}`), ...round.notices.map(({ alertname }) => `${alertname} notice`)];
  // On a busy machine the sandbox's own answers are slow; which is true, and none of these tests' business.
  return told.filter((one) => !one.startsWith('HighApiResponseTime')).toSorted();
}

const runbookOf = (told: string | undefined): string | undefined => ruleFor(told?.split(' ')[0] ?? '')?.rule.runbook;

describe('a look of the patrol', () => {
  it('reads everything of a sandbox that is well, and has nothing to tell', async () => {
    expect(await look()).toEqual([]);
    expect([last.hosts[0]?.unknown, last.site?.unknown, last.site?.database?.kind]).toEqual([{}, {}, 'accepting']);
  });

  describe('at webhooks', () => {
    let hook: Hook;
    const fail = (count: number, how: { status: number | null; error: string }) => failedDeliveries(world.authos, hook, { count, ...how });
    beforeAll(async () => {
      hook = await openHook(world.authos);
    });
    afterAll(() => hook.endpoint.close());

    it('says nothing of a few that failed, and fires under 95 % of 20, until nothing new fails', async () => {
      await fail(19, { status: 503, error: 'HTTP 503' });
      expect(await look()).toEqual([]);
      await fail(1, { status: 503, error: 'HTTP 503' });
      const told = await look();
      expect(told).toEqual(['WebhookDeliveryFailures firing']);
      expect(runbookOf(told[0])).toBe('webhookDeliveryFailures');
      expect(memory.firing[`webhook/${world.place.environment}/${hook.id}`]?.judgement.title).toContain(`Webhook ${hook.id}: 0 of 20 deliveries arrived`);
      expect(await look()).toEqual(['WebhookDeliveryFailures resolved']);
    });

    it('fires for deliveries that run out of time, and for more than 50 that fail, whatever else arrives', async () => {
      await world.authos.sql("insert into webhook_deliveries (webhook_id, event_type, status, http_status_code, sent_at, completed_at) select $1, 'user.created', 'success', 200, localtimestamp, localtimestamp from generate_series(1, 2000)", [hook.id]);
      await fail(10, { status: null, error: 'Operation timed out after 30000 milliseconds' });
      expect(await look()).toEqual(['WebhookDeliveryFailures firing']);
      expect(last.site?.webhooks).toMatchObject([{ webhook: hook.id, success: 2_000, failed: 30, timeouts: 10 }]);
      await world.authos.sql('delete from webhook_deliveries where http_status_code is null');
      expect(await look()).toEqual(['WebhookDeliveryFailures resolved']);
      await fail(31, { status: 500, error: 'HTTP 500' });
      expect(await look()).toEqual(['WebhookDeliveryFailures firing']);
      await world.authos.sql('delete from webhook_deliveries');
      await look();
    });
  });

  it('at errors fires for 3 critical ones in five minutes, and for more than 10 requests that fail within a minute', async () => {
    for (let n = 0; n < 3; n += 1) await world.authos.log({ channel: 'laravel', level: 'CRITICAL', message: 'The signing service is gone', context: {} });
    expect(await look()).toEqual(['HighErrorRate firing']);
    expect(last.hosts[0]?.errors?.critical).toBe(3);
    await world.authos.sql('alter table users rename to people');
    expect(await Promise.all(Array.from({ length: 11 }, () => request(world.authos, '/api/v1/organizations')))).toEqual(Array(11).fill(500));
    await world.authos.sql('alter table people rename to users');
    memory = { ...memory, firing: {} };
    expect(await look()).toEqual(['HighErrorRate firing']);
    expect(last.hosts[0]?.errors?.errors).toBeGreaterThan(10);
    expect(runbookOf('HighErrorRate')).toBe('highErrorRate');
  });

  it('at the cache, jobs and disk fires for a cold cache, more than 100 failed jobs and a full volume, after its early warning', async () => {
    await look();
    // This sandbox keeps no answer of its monitoring: each is a lookup that misses.
    for (let n = 0; n < 10; n += 1) await Promise.all(Array.from({ length: 12 }, () => request(world.authos, '/api/v1/monitoring/metrics/api')));
    await addFailedJobs(world.authos, 101);
    await fill(85);
    const told = await look();
    expect(told).toEqual(expect.arrayContaining(['CacheHitRateLow firing', 'FailedQueueJobs firing', 'DiskSpaceEarly notice']));
    expect(told.filter((one) => one.endsWith('firing')).map(runbookOf)).toEqual(expect.arrayContaining(['cacheSystemFailure', 'failedQueueJobs']));
    await fill(95);
    expect(await look()).toContain('DiskSpaceCritical firing');
    for (const percent of [85, 95]) await rm(filler(percent));
    expect(await look()).toContain('DiskSpaceCritical resolved');
  });

  it('hears that AuthOS says nothing any more, at the third look in a row, and that it is back', async () => {
    await look();
    expect([await look(cutOff), await look(cutOff)].flat().filter((told) => told.startsWith('PatrolSourceSilent'))).toEqual([]);
    expect(await look(cutOff)).toContain('PatrolSourceSilent firing');
    const silent = Object.keys(memory.firing).filter((key) => key.startsWith('silent/'));
    expect(silent).toContain(`silent/${world.place.environment}:AuthOS's health API`);
    expect(runbookOf('PatrolSourceSilent')).toBeUndefined(); // General Troubleshooting: a person judges
    expect((await look()).filter((told) => told === 'PatrolSourceSilent resolved')).toHaveLength(silent.length);
  });

  it.each([
    ['without a free connection', databaseExhausted({ agedMs: 0 }), 'full'],
    ['that does not run', databaseDown(), 'no response'],
  ])('at a database %s fires by its own connection', async (_, fault, kind) => {
    memory = { ...memory, firing: {} };
    await fault.put(world.authos);
    const told = await look();
    expect(told).toContain('DatabaseConnectionFailures firing');
    expect(runbookOf('DatabaseConnectionFailures')).toBe('databaseConnectionFailures');
    expect(runbookOf('AuthosDatabase')).toBe('databaseConnectionFailures');
    expect(last.site?.database?.kind).toBe(kind);
    if (kind === 'no response') return;
    await fault.over(world.authos); // ends what it holds
    expect(await look()).toContain('DatabaseConnectionFailures resolved');
  });
});

const filler = (percent: number): string => join(world.authos.root, 'storage', 'app', `filler-${percent}`);

async function fill(percent: number): Promise<void> {
  const { bytes } = await world.authos.capacity.usage();
  await writeFile(filler(percent), randomBytes(Math.floor((bytes.total * percent) / 100 - bytes.used)));
}
