import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertOf, type BenchSite, domainOf, openSite, post } from '../../bench/site.js';
import type { IncidentView } from '../../src/domain/incident.js';
import { scaled, standardTimes } from '../../src/domain/times.js';
import { hostNeeding } from '../support/practice-host.js';
import { until } from '../support/until.js';
import { openWorld, type World } from '../support/world.js';

let folder: string;
let world: World;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temporal-killed-'));
  world = await openWorld({ realTime: true, folder });
});
afterAll(async () => {
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

it('a Temporal server that is killed over a level pages it once when it is back, late, by the workers that waited for it', async () => {
  // A minute takes 200 ms.
  const quick = { times: { ...scaled(standardTimes, 1 / 300), lateAfter: 500 } };
  const incident = await world.open({ activities: hostNeeding().activities, start: quick });
  await incident.until(({ pages }) => pages.length >= 2, 'the first pages');
  const startAgain = await world.killServer();
  await new Promise((resolve) => setTimeout(resolve, 20 * quick.times.minute));
  await startAgain();
  const back = Date.now();
  const view = await incident.until(({ pages }) => pages.some(({ late }) => late), 'the late page');
  const late = view.pages.filter((page) => page.late && page.acceptedAt > back);
  expect(new Set(late.map(({ key }) => key.split('/')[1])).size, 'only the highest level that fell due').toBe(1);
  expect(new Set(late.map(({ person }) => person)).size).toBe(late.length);
  expect(late.map(({ repeats }) => repeats)).toEqual(late.map(() => 0));
  const sent = world.sent.filter(({ key }) => key.startsWith(incident.start.id)).map(({ key }) => key);
  expect(new Set(sent).size).toBe(sent.length);
});

describe('a server whose Temporal is killed before an alert comes', () => {
  it('pages level 1 itself, once, and the incident goes on from that page when Temporal is back', { timeout: 300_000 }, async () => {
    const closers: (() => Promise<unknown>)[] = [];
    const site = await openSite(2, closers, new AbortController().signal);
    try {
      // A minute takes 2 s, so that level 2, at 30, is due after a minute of real time; no worker takes the run, and nobody minds.
      const never = '240h';
      await site.configure({ scale: 1 / 30, roundEvery: never, secondaryAfter: never, contactAfter: never, silentAfter: never, firstWord: never });
      await site.startServer();
      await site.startWorker('incidents');
      await post(`${site.server}/alerts`, alertOf(0));
      await until('a first page in fair weather', () => keysOf(site, 0).length > 0, 60_000);

      const startAgain = await site.killTemporal();
      const acceptedAt = Date.now();
      const answer = JSON.parse(await post(`${site.server}/alerts`, alertOf(1))) as { alerts: { workflowId: string; state: string; incidentId: null }[] };
      expect(answer.alerts).toMatchObject([{ state: 'accepted', incidentId: null }]);
      for (let repeat = 0; repeat < 20; repeat += 1) await post(`${site.server}/alerts`, alertOf(1));
      await until('the page of the server', () => keysOf(site, 1).length > 0, 30_000);
      // Several times what it waited for: nobody is paged a second time while Temporal stays away.
      await delay(3_000);
      const [own] = site.mailbox.messages.filter(({ subject }) => subject.includes(`${domainOf(1)} `));
      expect(own?.text).toContain('RUNBOOK NOT STARTED: Temporal can not be reached since');
      expect(keysOf(site, 1)).toEqual([expect.stringMatching(/^[0-9a-f-]{36}\/1\/0\.0\/ops-primary$/)]);
      await startAgain();

      const handle = site.client.workflow.getHandle(answer.alerts[0]?.workflowId ?? '');
      const view = await viewOf(handle);
      const [id] = keysOf(site, 1)[0]?.split('/') ?? [];
      expect(view.incident.id).toBe(id);
      expect(view.alerts.count).toBe(21);
      expect(view.pages.map(({ key }) => key)).toEqual(keysOf(site, 1));
      expect(view.timeline.map(({ text }) => text)).toContainEqual(expect.stringMatching(/^runbook not started, since Temporal was away: the server paged ops-primary by email/));
      expect(view.runs).toHaveLength(1);

      await until('level 2', () => keysOf(site, 1).some((key) => key.includes('/2/0.0/')), 120_000);
      const second = site.mailbox.messages.find(({ headers }) => headers['x-responder-key']?.startsWith(`${id}/2/0.0/`));
      expect((second?.receivedAt.getTime() ?? 0) - acceptedAt).toBeGreaterThan(59_000);
      expect(keysOf(site, 1).filter((key) => key.startsWith(`${id}/1/`))).toHaveLength(1);
    } finally {
      for (const close of closers.reverse()) await close().catch(() => undefined);
    }
  });
});

/** Keys of the mails about an incident of the site, questions and notices apart. */
function keysOf(site: BenchSite, n: number): string[] {
  return site.mailbox.messages.filter(({ subject }) => subject.includes(`${domainOf(n)} `)).map(({ headers }) => headers['x-responder-key'] ?? '').filter((key) => /^[^/]+\/\d\/\d/.test(key));
}

/** Once the incident is there, and a worker answers for it. */
async function viewOf(handle: WorkflowHandle): Promise<IncidentView> {
  let view: IncidentView | undefined;
  await until('the incident', async () => {
    view = await handle.query<IncidentView>('show').catch(() => undefined);
    return view !== undefined && view.alerts.count > 20 && view.runs.length > 0;
  }, 90_000);
  return view as IncidentView;
}
