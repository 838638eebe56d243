import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { execa } from 'execa';

import { firewallActivities, type FirewallActivities } from '../../src/activities/firewall.js';
import { placed, ufwOf } from '../../src/activities/ufw.js';
import type { Host } from '../../src/domain/inventory.js';
import { hostUnder, inActivity } from '../activities/support.js';
import { type HostWorld, openHostWorld } from '../support/runbook-world.js';
import { type Network, openNetwork } from './network.js';
import { describeWith } from './programs.js';
import { compare, onHost, type Scenario } from './scenario.js';

/** A firewall, with the product's activities on it. */
interface Firewall {
  host: Host;
  activities: Pick<FirewallActivities, 'blockAddresses' | 'lookAtBlocks' | 'liftBlocks'>;
  ufw(...args: string[]): Promise<{ exitCode?: number; stdout: string; stderr: string }>;
  enable(active: boolean): Promise<unknown>;
  /** How a client of this address fares at port 443. */
  meets(address: string): Promise<string>;
}

type Case = Scenario<Firewall>;

const [four, other, six] = ['203.0.113.10', '203.0.113.11', '2001:db8::bad'] as const;
const denies = (address: string): string[] => ['deny', 'proto', 'tcp', 'from', address, 'to', 'any', 'port', '80,443'];
const placeOf = ({ host }: Firewall) => ({ name: host.name, environment: host.environment, host: host.name, hosts: [host.name] });
const block = (on: Firewall, ...addresses: string[]) => inActivity(() => on.activities.blockAddresses({ place: placeOf(on), addresses, incident: 'incident-1' }));
const lift = (on: Firewall, ...addresses: string[]) => inActivity(() => on.activities.liftBlocks({ host: on.host.name, addresses }));
const look = (on: Firewall) => inActivity(() => on.activities.lookAtBlocks({ place: placeOf(on) }));
const commandOf = ({ blocking }: Host): string[] => (blocking !== undefined && 'ufw' in blocking.by ? blocking.by.ufw : []);
const rulesOf = ({ host }: Firewall) => inActivity(() => ufwOf(onHost(host).shell, commandOf(host)).rules());
const said = async (on: Firewall, ...args: string[]) => {
  const { exitCode, stdout, stderr } = await on.ufw(...args);
  return { exitCode, stdout, refused: /^ERROR: /m.test(stderr) };
};
const listed = async (on: Firewall): Promise<string> => (await on.ufw('status', 'numbered')).stdout;

/** What each command says, and the list that it leaves. */
const commands: [string, string[], { exitCode: number; stdout: string; refused: boolean }][] = [
  ['prepends a rule', ['prepend', ...denies(four)], { exitCode: 0, stdout: 'Rule inserted', refused: false }],
  ['prepends a rule of IPv6', ['prepend', ...denies(six)], { exitCode: 0, stdout: 'Rule inserted (v6)', refused: false }],
  ['appends a rule', denies(other), { exitCode: 0, stdout: 'Rule added', refused: false }],
  ['inserts a rule at the first position', ['insert', '1', ...denies(four)], { exitCode: 0, stdout: 'Rule inserted', refused: false }],
  ['refuses to insert a rule of IPv6 among those of IPv4', ['insert', '1', ...denies(six)], { exitCode: 1, stdout: '', refused: true }],
  ['refuses a position that is not there', ['insert', '9', ...denies(four)], { exitCode: 1, stdout: '', refused: true }],
  ['says ok to deleting what is not there', ['delete', ...denies(four)], { exitCode: 0, stdout: 'Could not delete non-existent rule', refused: false }],
  ['refuses what is no address', denies('evil.example.com'), { exitCode: 1, stdout: '', refused: true }],
];

const cases: Case[] = [
  ...commands.map(([name, args, answer]): Case => [name, (on) => said(on, ...args), answer]),
  ['refuses a command that it does not have', async (on) => { const { exitCode, refused } = await said(on, 'block', four); return { exitCode, refused }; }, { exitCode: 1, refused: true }],
  ['skips a rule that it has, wherever it is', async (on) => { await on.ufw(...denies(four)); return [await said(on, 'prepend', ...denies(four)), placed((await rulesOf(on)) as never, four)]; }, [{ exitCode: 0, stdout: 'Skipping inserting existing rule', refused: false }, { wrong: 'behind rule 2, ALLOW 80,443/tcp from Anywhere' }]],
  [
    'lists rules in the order in which they count, IPv6 last',
    async (on) => {
      for (const address of [four, six, other]) await on.ufw('prepend', ...denies(address));
      return [await listed(on), (await on.ufw('status')).stdout];
    },
    [
      `Status: active

     To                         Action      From
     --                         ------      ----
[ 1] 80,443/tcp                 DENY IN     203.0.113.11${' '.repeat(14)}
[ 2] 80,443/tcp                 DENY IN     203.0.113.10${' '.repeat(14)}
[ 3] 22/tcp                     ALLOW IN    Anywhere${' '.repeat(18)}
[ 4] 80,443/tcp                 ALLOW IN    Anywhere${' '.repeat(18)}
[ 5] 80,443/tcp                 DENY IN     2001:db8::bad${' '.repeat(13)}
[ 6] 22/tcp (v6)                ALLOW IN    Anywhere (v6)${' '.repeat(13)}
[ 7] 80,443/tcp (v6)            ALLOW IN    Anywhere (v6)${' '.repeat(13)}
`,
      `Status: active

To                         Action      From
--                         ------      ----
80,443/tcp                 DENY        203.0.113.11${' '.repeat(14)}
80,443/tcp                 DENY        203.0.113.10${' '.repeat(14)}
22/tcp                     ALLOW       Anywhere${' '.repeat(18)}
80,443/tcp                 ALLOW       Anywhere${' '.repeat(18)}
80,443/tcp                 DENY        2001:db8::bad${' '.repeat(13)}
22/tcp (v6)                ALLOW       Anywhere (v6)${' '.repeat(13)}
80,443/tcp (v6)            ALLOW       Anywhere (v6)${' '.repeat(13)}
`,
    ],
  ],
  [
    'blocks clients of either family and no others, reads it back in its place, and lets them in again',
    async (on) => {
      const { outcome } = await block(on, four, six);
      const blocked = [await on.meets(four), await on.meets(six), await on.meets(other)];
      const { broken, inForce } = await look(on);
      const lifted = await lift(on, four, six);
      return { outcome, blocked, broken, inForce, lifted: lifted.outcome, after: [await on.meets(four), await on.meets(six)] };
    },
    { outcome: 'done', blocked: ['dropped', 'dropped', 'let in'], broken: [], inForce: [four, six], lifted: 'done', after: ['let in', 'let in'] },
  ],
  [
    'moves a block that lies behind an allow, where it does not work',
    async (on) => {
      await on.ufw(...denies(four));
      const before = await on.meets(four);
      return [before, (await block(on, four)).outcome, await on.meets(four), placed((await rulesOf(on)) as never, four)];
    },
    ['let in', 'done', 'dropped', 'in force'],
  ],
  ['leaves nothing of a block that is lifted', async (on) => { const before = await listed(on); await block(on, four, six); await lift(on, four, six); return (await listed(on)) === before; }, true],
  [
    'inactive, says ok and blocks nobody: the step has failed',
    async (on) => {
      await on.enable(false);
      try {
        return [await said(on, 'prepend', ...denies(other)), (await block(on, four)).outcome, await listed(on), await on.meets(four)];
      } finally {
        await on.ufw('delete', ...denies(other));
        await on.enable(true);
      }
    },
    [{ exitCode: 0, stdout: 'Rules updated', refused: false }, 'failed', 'Status: inactive', 'let in'],
  ],
];

describeWith(['ufw', 'iproute2', 'the right to make a network namespace'], 'ufw, stood in for and real', () => {
  let folder: string;
  let world: HostWorld;
  let network: Network;
  let firewalls: { standIn: Firewall; real: Firewall };
  // By its path: the sandbox puts its own in front of PATH.
  const program = '/usr/sbin/ufw';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'responder-contract-'));
    world = await openHostWorld();
    network = await openNetwork(folder, [four, other, six]);
    firewalls = { standIn: standIn(), real: await realOne() };
  });
  afterAll(async () => {
    await network?.close();
    await world?.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    for (const on of [firewalls.standIn, firewalls.real]) {
      await lift(on, four, other, six);
      const left = await listed(on);
      for (const address of [four, other, six]) if (left.includes(`${address} `)) await on.ufw('delete', ...denies(address));
    }
  });

  function standIn(): Firewall {
    const { authos, activities } = world;
    return {
      host: authos.inventory().host,
      activities,
      ufw: async (...args) => execa('ufw', args, { env: authos.env(), reject: false, stdin: 'ignore' }),
      enable: (active) => authos.front.enable(active),
      meets: async (address) => authos.front.meets(address),
    };
  }

  async function realOne(): Promise<Firewall> {
    const [command = '', ...args] = [...network.onServer, program];
    const ufw: Firewall['ufw'] = async (...more) => execa(command, [...args, ...more], { reject: false, stdin: 'ignore' });
    for (const rule of ['22/tcp', '80,443/tcp']) await ufw('allow', rule);
    const enable: Firewall['enable'] = (active) => execa(command, [...args, '--force', active ? 'enable' : 'disable'], { stdin: 'ignore' });
    await enable(true);
    const host = hostUnder(folder, { blocking: { allow: ['198.51.100.0/24'], trustedProxies: [], accessLog: '', by: { ufw: [command, ...args] } } });
    await mkdir(host.records);
    const activities = firewallActivities({ hosts: [host], shellOf: (one) => onHost(one).shell, ownAddresses: () => [] });
    return { host, activities, ufw, enable, meets: (address) => network.meets(address) };
  }

  it.each(cases)('%s', (_, act, both) => compare(firewalls, act, both));

  it('is the machine’s own only in its namespace', async () => {
    expect((await execa(program, ['status'], { stdin: 'ignore' })).stdout).toBe('Status: inactive');
  });
});
