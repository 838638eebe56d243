import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { passwordHash } from '../../sandbox/authos/login.js';
import { bruteForce, login } from '../../sandbox/faults/brute-force.js';
import { cachePassword } from '../../sandbox/faults/index.js';
import { oauthKeys } from '../../sandbox/faults/oauth-keys.js';
import { failedDeliveries, openHook } from '../../sandbox/faults/webhooks.js';
import { scaled, standardTimes } from '../../src/domain/times.js';
import { bruteForceAttackProcedure } from '../../src/workflows/brute-force-attack.js';
import { cacheSystemFailureProcedure } from '../../src/workflows/cache-system-failure.js';
import { oauthSystemFailureProcedure } from '../../src/workflows/oauth-system-failure.js';
import { webhookDeliveryFailuresProcedure } from '../../src/workflows/webhook-delivery-failures.js';
import { openRunbookWorld, type RunbookWorld } from '../support/runbook-world.js';
import { hostNames, moments, playDeaths } from '../support/worker-death.js';

let world: RunbookWorld;
let env: string;
let before: string;
beforeAll(async () => {
  world = await openRunbookWorld({ webhookWindow: 500 }, { worker: false, moreHosts: hostNames });
  env = join(world.authos.root, '.env');
  before = await readFile(env, 'utf8');
  for (const email of bruteForce.accounts) await world.authos.sql('insert into users (name, email, password) values ($1, $2, $3)', [email, email, passwordHash(bruteForce.password)]);
});
afterAll(() => world?.close());
afterEach(() => writeFile(env, before));

/** What the file says, as long as nobody takes it back. */
const setting = (key: string) => async () => (await readFile(env, 'utf8')).split('\n').filter((line) => line.startsWith(`${key}=`));
/** A key that is written again is another file. */
const key = async () => stat(join(world.authos.root, 'storage/oauth-private.key')).then(({ ino, mtimeMs }) => ({ ino, mtimeMs }), () => 'missing');

describe('settings and keys, their worker killed', () => {
  it.each(moments)('%s keys were restored: they are written once, and the restart behind them comes', async (moment) => {
    await oauthKeys('oauth-keys-missing').put(world.authos);
    const { restarts } = world.authos;
    await playDeaths(world, [{ runbook: oauthSystemFailureProcedure, act: 'Restore the private key', activity: 'restoreOauthKeys', moment, effect: key, options: { times: { budgetWindow: 1 } } }]);
    expect(world.authos.restarts).toBe(restarts + 1);
  });

  it.each(moments)('%s WEBHOOK_MAX_RETRIES was set', async (moment) => {
    await writeFile(env, before.replace('WEBHOOK_MAX_RETRIES=3', 'WEBHOOK_MAX_RETRIES=1'));
    await world.authos.sql('truncate webhook_deliveries, webhooks cascade');
    const { id, endpoint } = await openHook(world.authos);
    onTestFinished(() => endpoint.close());
    endpoint.behaviour = { kind: 'answers', status: 504 };
    await failedDeliveries(world.authos, { id }, { count: 3, status: null, error: 'Operation timed out after 30000 milliseconds' });
    await playDeaths(world, [
      { runbook: webhookDeliveryFailuresProcedure, act: 'Set WEBHOOK_MAX_RETRIES to 3', activity: 'setEnv', moment, effect: setting('WEBHOOK_MAX_RETRIES'), options: { place: { name: 'all' } } },
    ]);
  });

  // The activity and the look are those of the setting above: one moment shows that this runbook has them too.
  it('after RATE_LIMIT_AUTH was lowered', async () => {
    const address = '203.0.113.77';
    await login(world.authos, address, bruteForce.accounts[0] ?? '', bruteForce.password);
    await Promise.all(Array.from({ length: 15 }, (_, n) => login(world.authos, address, bruteForce.accounts[n % 3] ?? '', `guess${n}`)));
    const goesOn = setInterval(() => void login(world.authos, address, `guess${Math.random()}@authos.test`, 'x').catch(() => undefined), 500);
    onTestFinished(() => clearInterval(goesOn));
    const times = { ...scaled(standardTimes, 1 / 100), samples: 1, watch: 500, watchEvery: 500, sampleEvery: 200, approvalExpires: 60_000, firstWord: 600_000, silentAfter: 600_000 };
    await playDeaths(world, [
      { runbook: bruteForceAttackProcedure, act: 'Lower RATE_LIMIT_AUTH', activity: 'setEnv', moment: 'after', effect: setting('RATE_LIMIT_AUTH'), options: { place: { name: world.authos.environment }, times } },
    ]);
  });

  it('before the cache was switched to its fallback', async () => {
    const fault = cachePassword();
    await fault.put(world.authos);
    onTestFinished(async () => void (await fault.byHand?.(world.authos)));
    await playDeaths(world, [{ runbook: cacheSystemFailureProcedure, act: 'Switch to Fallback Driver', activity: 'setEnv', moment: 'before', effect: setting('CACHE_STORE'), options: { place: { name: 'redis' } } }]);
  });
});
