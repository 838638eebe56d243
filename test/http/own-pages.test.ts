import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { route } from '../../src/alerts/routing.js';
import type { Person } from '../../src/channels/channel.js';
import { logChannel } from '../../src/channels/log.js';
import { webhookChannel } from '../../src/channels/webhook.js';
import type { Severity } from '../../src/domain/severity.js';
import { scaled, standardTimes } from '../../src/domain/times.js';
import { ApiError } from '../../src/http/errors.js';
import { ownPages } from '../../src/http/own-pages.js';
import { openSpool } from '../../src/http/spool.js';
import { spooledIntake } from '../../src/http/spooled-intake.js';
import type { HandOver } from '../../src/http/temporal-intake.js';
import { createMetrics } from '../../src/metrics.js';
import { inventory, runbooks } from '../alerts/world.js';
import { openReceiver } from '../support/receiver.js';
import type { Receiver, Reply } from '../support/receiver.js';

let folder: string;
const open: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-own-pages-'));
});
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
  await rm(folder, { recursive: true, force: true });
});

/** Two minutes are half a second. */
const minute = 250;
const secrets = [`whsec_${Buffer.alloc(32, 'k').toString('base64')}`];
const phoneLater: Person = { contacts: [{ webhook: 'mail' }, { webhook: 'phone', after: 120_000 }] };

/** A server whose Temporal is away until `back`, and which pages over HTTP. `pages` are the keys that arrived, without the incident's id. */
async function server({ person = phoneLater, reply = () => ({ status: 204 }), refuses = false }: { person?: Person; reply?: (path: string, n: number) => Reply; refuses?: boolean } = {}) {
  const receiver: Receiver = await openReceiver(({ path }, n) => reply(path, n));
  const channel = webhookChannel({ receivers: Object.fromEntries(['mail', 'phone'].map((name) => [name, { url: `${receiver.url}/${name}`, secrets }])) });
  open.push(receiver, channel);
  const times = scaled(standardTimes, minute / 60_000);
  const config = { times, links: { console: 'http://console', temporalUi: 'http://ui', keys: [], validFor: 1 }, temporal: { address: '', namespace: 'default', connection: () => ({}) } };
  const taken: HandOver[] = [];
  const log: string[] = [];
  const temporal = { away: true };
  const start = async () => {
    const intake = spooledIntake({
      spool: await openSpool({ folder }),
      intake: {
        async handOver(one) {
          if (refuses) throw Object.assign(new Error('3 INVALID_ARGUMENT'), { code: 3, details: 'no', metadata: {} });
          if (temporal.away) throw new ApiError('temporal_unreachable', 'away');
          taken.push(one);
          return { fingerprint: '', workflowId: 'w', incidentId: one.id, state: 'opened' as const };
        },
      },
      page: ownPages({ config, ways: { holders: () => ({ people: ['alice'] }), people: { alice: person }, channels: [channel], log: logChannel({ logger: pino({ level: 'silent' }) }) } }),
      times,
      atMost: 100,
      metrics: createMetrics(),
      logger: pino({}, { write: (line) => log.push(line) }),
    });
    open.push(intake);
    return intake;
  };
  const accept = async (intake: Awaited<ReturnType<typeof start>>, severity: Severity = 'Critical') =>
    intake.accept(route({ status: 'firing', title: 'disk', severity, target: 'app-1:/var', description: '', labels: {} }, { runbooks, inventory, source: 'test', acceptedAt: Date.now() }));
  const pages = () => receiver.json().map(({ data }, n) => `${receiver.requests[n]?.path} ${(data as { key: string }).key.slice(37)}`);
  const paged = () => taken[0]?.word.kept?.paged;
  /** How often the server has written down whom it paged. */
  const written = () => log.filter((line) => line.includes('paged by the server')).length;
  return { start, accept, pages, paged, taken, temporal, written };
}

const patience = { timeout: 15_000 };

describe('a page by the server itself', () => {
  it('goes by contacts with a delay too if Temporal is still away, over a restart, each once, and the incident gets them as sent', async () => {
    const { start, accept, pages, paged, temporal, written } = await server();
    const first = await start();
    await accept(first);
    await expect.poll(written, patience).toBe(1);
    expect(pages()).toEqual(['/mail 1/0.0/alice']);
    await first.close();
    await start();
    await expect.poll(written, patience).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 3 * minute));
    temporal.away = false;
    await expect.poll(paged, patience).toBeDefined();
    expect(pages()).toEqual(['/mail 1/0.0/alice', '/phone 1/0.0/alice/after-120s']);
    expect(paged()?.deliveries.map(({ key, channel, late }) => [key.slice(37), channel, late])).toEqual([['1/0.0/alice', 'webhook', expect.anything()], ['1/0.0/alice/after-120s', 'webhook 2', expect.anything()]]);
    expect(paged()?.later).toBeUndefined();
  });

  it('leaves to the incident what is not due when Temporal is back', async () => {
    const { start, accept, pages, paged, taken, temporal } = await server({ person: { contacts: [{ webhook: 'mail' }, { webhook: 'phone', after: 900_000 }] } });
    await accept(await start());
    await expect.poll(() => pages().length, patience).toBe(1);
    temporal.away = false;
    await expect.poll(paged, patience).toBeDefined();
    expect(paged()?.later).toEqual([{ person: 'alice', at: (taken[0]?.opening.alert.acceptedAt ?? 0) + 15 * minute, after: 900_000 }]);
    expect(pages()).toHaveLength(1);
  });

  it('tries the later contact until it is taken, under the same key', async () => {
    const { start, accept, pages } = await server({ reply: (path, n) => (path === '/phone' && n <= 3 ? { status: 503 } : { status: 204 }) });
    await accept(await start());
    await expect.poll(() => pages().length, patience).toBe(4);
    expect(new Set(pages().slice(1))).toEqual(new Set(['/phone 1/0.0/alice/after-120s']));
  });

  it('holds what is Medium for quiet hours, and hands the copy on to the incident', async () => {
    const now = new Date();
    const at = (hours: number) => ({ hour: new Date(now.getTime() + hours * 3_600_000).getUTCHours(), minute: now.getUTCMinutes() });
    const { start, accept, pages, paged, temporal } = await server({ person: { ...phoneLater, quietHours: { from: at(-1), until: at(2), zone: 'UTC' } } });
    await accept(await start(), 'Medium');
    await new Promise((resolve) => setTimeout(resolve, 4 * minute));
    temporal.away = false;
    await expect.poll(paged, patience).toBeDefined();
    expect(paged()).toMatchObject({ deliveries: [], missing: [], later: [{ person: 'alice' }] });
    expect((paged()?.later?.[0]?.at ?? 0) - now.getTime()).toBeGreaterThan(3_600_000);
    expect(pages()).toEqual([]);
  });

  it('goes by them too for an alert that Temporal refuses for ever', async () => {
    const { start, accept, pages } = await server({ refuses: true });
    await accept(await start());
    await expect.poll(pages, patience).toEqual(['/mail 1/0.0/alice', '/phone 1/0.0/alice/after-120s']);
  });
});
