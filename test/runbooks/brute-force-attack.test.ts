import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bruteForce, login } from '../../sandbox/faults/brute-force.js';
import { passwordHash } from '../../sandbox/authos/login.js';
import { attackActivities } from '../../src/activities/attack.js';
import { incidentWorkflowId } from '../../src/domain/identity.js';
import { scaled, standardTimes } from '../../src/domain/times.js';
import { bruteForceAttackProcedure as runbook } from '../../src/workflows/brute-force-attack.js';
import { blockId, queues } from '../../src/workflows/names.js';
import { openRunbookWorld, outcomeOf, type RunbookWorld, type RunOptions } from '../support/runbook-world.js';

/** An hour is 36 s and a quarter of it 9: the sandbox's logs and tables have real times. */
const times = { ...scaled(standardTimes, 1 / 100), samples: 1, watch: 500, watchEvery: 500, sampleEvery: 200, approvalExpires: 60_000, firstWord: 600_000, silentAfter: 600_000 };
let addresses = 20;
/** An address that no other test has used: the limiter remembers them for a minute. */
const fresh = (): string => `203.0.113.${(addresses += 1)}`;
let world: RunbookWorld;
let stopTrying = new AbortController();

beforeAll(async () => {
  world = await openRunbookWorld();
  for (const email of bruteForce.accounts) await world.authos.sql('insert into users (name, email, password) values ($1, $2, $3)', [email, email, passwordHash(bruteForce.password)]);
});
afterAll(async () => world?.close());
beforeEach(async () => {
  stopTrying = new AbortController();
  const logs = join(world.authos.root, 'storage/logs');
  for (const name of await readdir(logs)) if (name.startsWith('security')) await rm(join(logs, name));
  await world.authos.sql('truncate authentication_logs, failed_login_attempts');
});
afterEach(async () => {
  stopTrying.abort();
  await world.setMode('automatic', 'global');
  await world.world.endIncidents();
  await world.authos.front.enable(true);
  await unblock();
});

const run = (more: RunOptions = {}) => world.run(runbook, { place: { name: world.authos.environment }, times, ...more });
const rules = async (): Promise<string> => (await execa('ufw', ['status', 'numbered'], { env: world.authos.env(), extendEnv: false })).stdout;
const limit = async (): Promise<string | undefined> => /^RATE_LIMIT_AUTH=(.*)$/m.exec(await readFile(join(world.authos.root, '.env'), 'utf8'))?.[1];

async function unblock(): Promise<void> {
  const addresses = [...(await rules()).matchAll(/DENY IN\s+(\S+)/g)].map(([, address]) => address ?? '');
  for (const address of addresses) await execa('ufw', ['delete', 'deny', 'proto', 'tcp', 'from', address, 'to', 'any', 'port', '80,443'], { env: world.authos.env(), extendEnv: false });
  await rm(join(world.authos.inventory().host.records, 'blocks.json'), { force: true });
}

/** Failed logins at once, over so many accounts. */
async function attack(address: string, tries = 12, accounts = 8): Promise<void> {
  await Promise.all(Array.from({ length: tries }, (_, n) => login(world.authos, address, bruteForce.accounts[n % accounts] ?? '', `guess${n}`)));
}

/** Somebody with a good login too, who goes on failing until the test ends. */
async function suspect(address: string): Promise<void> {
  const [email = ''] = bruteForce.accounts;
  await login(world.authos, address, email, bruteForce.password);
  await attack(address, 15, 3);
  const loop = async (): Promise<void> => {
    for (let tries = 1; !stopTrying.signal.aborted; tries += 1) {
      // Now and then the good one again: after an hour of this scale without one, it would be a certain attacker.
      if (tries % 50 === 0) await login(world.authos, address, email, bruteForce.password);
      await login(world.authos, address, `guess${Math.random()}@authos.test`, 'x');
      await delay(150);
    }
  };
  loop().catch((error: unknown) => console.error(error));
}

describe('Brute Force Attack', () => {
  it('blocks certain attackers at once, asks about an office, spares the allow-list, keeps the logs, and proves it by the logs', async () => {
    const [first, second, forgetful] = [fresh(), fresh(), fresh()];
    const six = '2001:db8::bad';
    const probe = Promise.all(Array.from({ length: 12 }, (_, n) => login(world.authos, bruteForce.probe, n % 2 === 0 ? 'probe@authos.test' : 'Probe@authos.test', 'old')));
    await Promise.all([...[first, second, six].map((address) => attack(address)), attack(forgetful), login(world.authos, forgetful, bruteForce.accounts[0] ?? '', bruteForce.password), probe]);
    // Sixteen slow logins at once must lie within the hour on a busy machine, too.
    const { view } = await run({ answers: () => 'decline', times: { ...times, minute: 1_000 } });
    expect(outcomeOf(view, 'Block certain attackers')).toMatch(/^done: 3 of 3 blocked/);
    expect(view.asks.map(({ act }) => act)).toEqual(['Block suspicious addresses']);
    expect(view.asks[0]?.evidence).toContain(forgetful);
    expect(view.asks[0]?.evidence).toContain('1 successful logins too');
    expect(view.asks[0]?.evidence).toContain(`${bruteForce.probe}  1 accounts; never blocked: on the allow-list`);
    expect(view.runs[0]?.end).toBe('recovered');
    expect(outcomeOf(view, 'Preserve the security logs')).toMatch(/^done: 1 logs copied/);
    expect(outcomeOf(view, 'Lower RATE_LIMIT_AUTH')).toContain('already recovered');
    const now = await rules();
    for (const address of [first, second, six]) expect(now).toContain(address);
    for (const address of [forgetful, bruteForce.probe]) expect(now).not.toContain(address);
    expect(view.undos.map(({ kind, state }) => ({ kind, state }))).toEqual([{ kind: 'owned', state: 'registered' }]);
    const state = await world.world.client.workflow.getHandle(blockId(world.authos.name, first)).query<{ times: number; until?: number }>('state');
    expect(state).toMatchObject({ times: 1, until: expect.any(Number) as number });
  });

  it('lets whoever turns up while it watches go through the first step too, and never claims that it is over', async () => {
    await Promise.all([attack(fresh()), suspect(fresh())]);
    const late = fresh();
    const answers = (act: string) => {
      if (act === 'Lower RATE_LIMIT_AUTH') attack(late).catch((error: unknown) => console.error(error));
      return 'decline' as const;
    };
    const { view } = await run({ answers, until: ({ level, runs }) => level >= 2 && runs[0]?.endedAt !== undefined });
    const blocks = view.runs[0]?.steps.find(({ title }) => title === 'Block Attacking IPs')?.acts.filter(({ act }) => act === 'Block certain attackers') ?? [];
    expect(blocks.map(({ outcome }) => outcome.kind)).toEqual(['done', 'done']);
    expect(await rules()).toContain(late);
    expect(outcomeOf(view, 'Watch for new attackers')).toContain(late);
    expect(outcomeOf(view, 'Mail the owners of targeted accounts')).toContain('skipped declined');
    expect(view.runs[0]?.end).toBe('unrecovered');
    expect(await limit()).toBe('10');
  });

  it('lowers the limit and mails owners on approval, and knows how to write the limit back', async () => {
    await suspect(fresh());
    const { view } = await run({ answers: (act) => (act === 'Block suspicious addresses' ? 'decline' : 'approve') });
    expect(outcomeOf(view, 'Verify throttle:auth')).toMatch(/^done: throttle:auth is on/);
    expect(outcomeOf(view, 'Lower RATE_LIMIT_AUTH')).toMatch(/^done/);
    expect(await limit()).toBe('5');
    expect(outcomeOf(view, 'Mail the owners of targeted accounts')).toMatch(/^done: \d users told/);
    expect(view.undos.map(({ kind, title }) => `${kind}: ${title}`)).toEqual([`automatic: Write RATE_LIMIT_AUTH=10 back at ${world.authos.name}`]);
    stopTrying.abort();
    await world.world.endIncidents();
    const giveUpAt = Date.now() + 20_000;
    while ((await limit()) !== '10' && Date.now() < giveUpAt) await delay(100);
    expect(await limit()).toBe('10');
  });

  it('says so when the firewall is off, does nothing that waits for an answer nobody gives, and calls nothing cured', async () => {
    await world.authos.front.enable(false);
    await Promise.all([attack(fresh()), suspect(fresh())]);
    // On a busy machine a shorter hour may be over before the run is.
    const { view } = await run({ times: { ...times, minute: 1_200, approvalExpires: 400 } });
    expect(outcomeOf(view, 'Block certain attackers')).toContain('failed: 0 of 1 blocked at ports 80 and 443');
    expect(outcomeOf(view, 'Block certain attackers')).toContain('Status: inactive');
    for (const act of ['Block suspicious addresses', 'Lower RATE_LIMIT_AUTH', 'Mail the owners of targeted accounts']) expect(outcomeOf(view, act)).toContain('skipped expired');
    expect(view.runs[0]?.end).toBe('unrecovered');
    expect(await rules()).toBe('Status: inactive');
    expect(await limit()).toBe('10');
  });

  it.each(['observe-only', 'dry-run'] as const)('changes nothing while it is %s', async (mode) => {
    await attack(fresh());
    await world.setMode(mode, 'global');
    const { view } = await run();
    expect(view.runs[0]?.end).toBe('observed');
    expect(outcomeOf(view, 'Block certain attackers')).toContain(`skipped mode: ${mode}: would run sudo ufw prepend deny`);
    expect(await rules()).not.toContain('DENY');
  });

  it('is certain of nobody while the database is down, and proves nothing then', async () => {
    await attack(fresh());
    await world.authos.postgres.stop();
    try {
      const { view } = await run({ answers: () => 'decline' });
      expect(outcomeOf(view, 'Check Security Metrics')).toContain('unknown');
      expect(outcomeOf(view, 'Block certain attackers')).toContain('condition does not hold');
      expect(view.asks[0]?.evidence).toContain('not known whether it also logged in');
      expect(await rules()).not.toContain('DENY');
      expect(view.runs[0]?.end).toBe('unrecovered');
    } finally {
      await world.authos.postgres.restart();
    }
  });

  it('makes cache:clear unsafe for as long as its incident is open', async () => {
    const { client } = world.world;
    const { attackIsOpen } = attackActivities({ client });
    const environment = 'elsewhere';
    expect(await attackIsOpen({ environment })).toBeNull();
    const handle = await client.workflow.start('mode', { workflowId: incidentWorkflowId('bruteForceAttack', environment), taskQueue: queues.incidents, args: [{ publicKeys: [] }] });
    expect(await attackIsOpen({ environment })).toContain('a brute-force incident is open');
    await handle.terminate();
    expect(await attackIsOpen({ environment })).toBeNull();
  });
});
