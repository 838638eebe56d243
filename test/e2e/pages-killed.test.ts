import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { execaNode } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { IncidentView } from '../../src/domain/incident.js';
import { hostNeeding } from '../support/practice-host.js';
import { openReceiver, type Received, type Receiver, type Reply } from '../support/receiver.js';
import { openWorld, type TestIncident, type World } from '../support/world.js';

/*
 * The process with the workers of incidents and pages is killed, as by the kernel, at its worst moments: what docs/channels.md
 * promises of a night holds whatever the receiver of the pages has seen by then.
 */

const program = fileURLToPath(new URL('../support/paging-worker.ts', import.meta.url));

interface Paging {
  /** Ends at once, with nothing said to anybody. */
  kill(): Promise<void>;
  /** As if the machine hung: it hears nothing from then on. */
  freeze(): void;
}

let world: World;
let receiver: Receiver;
let reply: (request: Received) => Reply = () => ({ status: 204 });
let paging: Paging;

beforeAll(async () => {
  world = await openWorld({ realTime: true });
  await world.end('incidents');
  await world.end('pages');
  receiver = await openReceiver((request) => reply(request));
  paging = await startPaging();
}, 300_000);
afterEach(() => {
  reply = () => ({ status: 204 });
});
afterAll(async () => {
  await paging?.kill();
  await world?.close();
  await receiver?.close();
});

/** Resolves once the process looks for work. */
async function startPaging(): Promise<Paging> {
  const child = execaNode(program, [world.env.address, receiver.url], { nodeOptions: ['--import', 'tsx'], stderr: 'inherit', buffer: false, reject: false });
  await Promise.race([once(child.stdout, 'data'), child.then(() => Promise.reject(new Error('the workers ended before they were ready')))]);
  return {
    async kill() {
      child.kill('SIGKILL');
      await child;
    },
    freeze: () => void child.kill('SIGSTOP'),
  };
}

const keyOf = ({ body }: Received): string => (JSON.parse(body) as { data: { key: string } }).data.key;
const gotBy = ({ start }: TestIncident): string[] => receiver.requests.map(keyOf).filter((key) => key.startsWith(`${start.id}/`));
/** A page is sent again 15 s after a death, a workflow's task 10 s; on a busy machine the start of the next takes far longer. */
const patience = 300_000;

/** Every page was taken, under one key; what the receiver got more often is counted on the record, and nothing was given up. */
function keptPromise(incident: TestIncident, { pages, timeline }: IncidentView): void {
  const times = (key: string): number => gotBy(incident).filter((one) => one === key).length;
  expect(new Set(pages.map(({ key }) => key)).size).toBe(pages.length);
  for (const { key, repeats } of pages) {
    expect(times(key), `${key} arrived`).toBeGreaterThan(0);
    expect(repeats, `${key}: its repeats are counted`).toBeGreaterThanOrEqual(times(key) - 1);
  }
  expect(timeline.map(({ text }) => text).join('\n')).not.toContain('given up');
  const ids = receiver.requests.filter((one) => keyOf(one).startsWith(incident.start.id)).map((one) => `${keyOf(one)} ${String(one.headers['webhook-id'])}`);
  expect(new Set(ids).size, 'one id for a key').toBe(new Set(gotBy(incident)).size);
}

const level1 = (view: IncidentView): boolean => ['infra', 'ops-primary'].every((person) => view.pages.some(({ key }) => key.endsWith(`/1/0.0/${person}`)));

describe('the workers of incidents and pages, killed', () => {
  it('while a page is in flight and after another was taken, but not recorded: both are sent again under their keys, and counted', { timeout: 600_000 }, async () => {
    const seen: string[] = [];
    let bothThere = (): void => undefined;
    const both = new Promise<void>((resolve) => (bothThere = resolve));
    reply = (request) => {
      seen.push(keyOf(request));
      if (seen.length < 2) return 'hang';
      // The answer to the second lies in a socket that nobody reads any more.
      paging.freeze();
      setTimeout(bothThere, 500);
      return { status: 204 };
    };
    const incident = await world.open({ activities: hostNeeding().activities });
    await both;
    await paging.kill();
    reply = () => ({ status: 204 });
    expect(gotBy(incident).toSorted()).toEqual([`${incident.start.id}/1/0.0/infra`, `${incident.start.id}/1/0.0/ops-primary`]);
    paging = await startPaging();
    const view = await later(incident, level1);
    keptPromise(incident, view);
    for (const person of ['infra', 'ops-primary']) {
      const key = `${incident.start.id}/1/0.0/${person}`;
      expect(gotBy(incident).filter((one) => one === key).length, key).toBeGreaterThan(1);
      expect(view.pages.find((page) => page.key === key)?.repeats).toBeGreaterThan(0);
    }
  });

  it('at the moment of their start: the page that waited for them is not lost', { timeout: 600_000 }, async () => {
    await paging.kill();
    const incident = await world.open({ activities: hostNeeding().activities });
    for (const ms of [0, 300]) {
      const starting = await startPaging();
      await new Promise((resolve) => setTimeout(resolve, ms));
      await starting.kill();
    }
    paging = await startPaging();
    keptPromise(incident, await later(incident, level1));
  });
});

/** What waits for the silence of a dead worker takes longer than `until` waits. */
async function later(incident: TestIncident, holds: (view: IncidentView) => boolean): Promise<IncidentView> {
  const giveUpAt = Date.now() + patience;
  for (;;) {
    const view = await incident.view().catch(() => undefined);
    if (view && holds(view)) return view;
    if (Date.now() > giveUpAt) throw new Error(`it did not happen; ${JSON.stringify(view, null, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
