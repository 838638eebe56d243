import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/config.js';
import { fingerprint } from '../../src/domain/alert.js';
import type { OwnPage } from '../../src/domain/page.js';
import { ApiError } from '../../src/http/errors.js';
import type { AcceptedAlert } from '../../src/http/incidents.js';
import { openSpool } from '../../src/http/spool.js';
import type { Spool } from '../../src/http/spool.js';
import { spooledIntake } from '../../src/http/spooled-intake.js';
import type { SpooledIntake } from '../../src/http/spooled-intake.js';
import type { HandOver } from '../../src/http/temporal-intake.js';
import { route } from '../../src/alerts/routing.js';
import type { RoutedAlert } from '../../src/alerts/routing.js';
import { createMetrics } from '../../src/metrics.js';
import { sealingOf } from '../../src/payloads/encryption.js';
import { inventory, runbooks } from '../alerts/world.js';

let folder: string;
const open: SpooledIntake[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-spool-'));
});
afterEach(async () => {
  for (const intake of open.splice(0)) await intake.close();
  await rm(folder, { recursive: true, force: true });
});

const unreachable = new ApiError('temporal_unreachable', 'away');

/** Temporal, as far as alerts see it. */
function temporal() {
  const taken: HandOver[] = [];
  const state = {
    away: false,
    /** Titles of alerts that are refused for ever. */
    refused: '',
    /** Titles of alerts that fail though it is there. */
    failing: '',
    taken,
    async handOver(handOver: HandOver): Promise<AcceptedAlert> {
      if (state.away) throw unreachable;
      if (state.refused && handOver.opening.alert.title === state.refused) throw Object.assign(new Error('3 INVALID_ARGUMENT'), { code: 3, details: 'no', metadata: {} });
      if (state.failing && handOver.opening.alert.title === state.failing) throw Object.assign(new Error('13 INTERNAL'), { code: 13, details: 'no', metadata: {} });
      taken.push(handOver);
      const { alert } = handOver.opening;
      return { fingerprint: fingerprint(alert), workflowId: 'w', incidentId: handOver.id, state: taken.filter((one) => fingerprint(one.opening.alert) === fingerprint(alert)).length > 1 ? 'joined' : 'opened' };
    },
  };
  return state;
}

const log: string[] = [];

async function opened(intake: Pick<ReturnType<typeof temporal>, 'handOver'>, more: { spool?: Spool; atMost?: number; minute?: number; page?: (because: string) => OwnPage } = {}) {
  const spool = more.spool ?? (await openSpool({ folder }));
  const metrics = createMetrics();
  const spooled = spooledIntake({
    spool,
    intake,
    page: async (_, because) => more.page?.(because) ?? { deliveries: [], missing: [] },
    times: { minute: more.minute ?? 1_200 },
    atMost: more.atMost ?? 100,
    metrics,
    logger: pino({ level: 'info' }, { write: (text) => log.push(text) }),
  });
  open.push(spooled);
  return { ...spooled, metrics };
}

function alert(target: string, { status = 'firing', title = `about ${target}`, severity = 'High' }: { status?: 'firing' | 'resolved'; title?: string; severity?: 'Critical' | 'High' | 'Medium' } = {}): RoutedAlert {
  return route({ status, title, severity, target, description: '', labels: {} }, { runbooks, inventory, source: 'test', acceptedAt: Date.now() });
}

async function refusal(call: Promise<unknown>): Promise<string> {
  return call.then(() => 'no refusal', (error: unknown) => (error instanceof ApiError ? error.code : String(error)));
}

describe('an alert while Temporal is there', () => {
  it('is answered with its incident, as without a spool, and leaves nothing behind', async () => {
    const there = temporal();
    const { accept, metrics, close } = await opened(there);
    expect(await accept(alert('a'))).toMatchObject({ state: 'opened', incidentId: there.taken[0]?.id });
    expect((await metrics.spool.entries.get()).values[0]?.value).toBe(0);
    await close();
    expect((await openSpool({ folder }).then(async (spool) => [spool.found, await spool.close()]))[0]).toEqual([]);
  });

  it('makes one word of the repeats of ten seconds, with their number and the last of them', async () => {
    const there = temporal();
    // A sixth of a minute, which is four seconds here.
    const { accept } = await opened(there, { minute: 24_000 });
    await accept(alert('a', { title: 'first' }));
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => accept(alert('a', { title: `repeat ${n}` }))));
    expect(new Set(answers.map(({ state, incidentId }) => `${state} ${incidentId}`))).toEqual(new Set([`accepted ${there.taken[0]?.id}`]));
    expect(there.taken).toHaveLength(1);
    await expect.poll(() => there.taken.length, { timeout: 15_000 }).toBe(2);
    expect(there.taken[1]?.word).toMatchObject({ title: 'repeat 49', kept: { count: 50, fired: true } });
  });

  it("says 'resolved' without opening, and opens for what fires and is resolved in one word", async () => {
    const there = temporal();
    there.away = true;
    const { accept } = await opened(there);
    await accept(alert('a', { status: 'resolved' }));
    await accept(alert('b'));
    await accept(alert('b', { status: 'resolved' }));
    there.away = false;
    await expect.poll(() => there.taken.length).toBe(2);
    const [onA, onB] = there.taken;
    expect([onA?.opening.alert.status, onA?.word.kept?.fired]).toEqual(['resolved', false]);
    expect([onB?.opening.alert.status, onB?.word.status, onB?.word.kept?.count]).toEqual(['firing', 'resolved', 2]);
  });
});

describe('alerts while Temporal is away', () => {
  it('are accepted, kept over a restart, and handed over by severity, then by arrival', async () => {
    const away = temporal();
    away.away = true;
    const before = await opened(away);
    for (const [target, severity] of [['a', 'Medium'], ['b', 'High'], ['c', 'Critical'], ['d', 'Critical']] as const) {
      expect(await before.accept(alert(target, { severity }))).toMatchObject({ state: 'accepted', incidentId: null });
    }
    await before.accept(alert('a', { severity: 'Medium' }));
    await before.close();
    const back = temporal();
    await opened(back);
    await expect.poll(() => back.taken.length).toBe(4);
    expect(back.taken.map(({ word }) => [word.title, word.kept?.count])).toEqual([['about c', 1], ['about d', 1], ['about b', 1], ['about a', 2]]);
  });

  it('are refused with 503 beyond what there is room for, but for repeats', async () => {
    const away = temporal();
    away.away = true;
    const { accept } = await opened(away, { atMost: 2 });
    await accept(alert('a'));
    await accept(alert('b'));
    expect(await refusal(accept(alert('c')))).toBe('spool_full');
    expect(await refusal(accept(alert('b')))).toBe('no refusal');
  });

  it('are refused when the disk takes nothing, where Temporal does not have them either', async () => {
    const there = temporal();
    const broken = async (): Promise<Spool> => {
      const spool = await openSpool({ folder: await mkdtemp(join(folder, 'broken-')) });
      return { ...spool, keep: () => ({ bytes: 1, flushed: Promise.reject(new Error('no space left on device')) }) };
    };
    const { accept, metrics } = await opened(there, { spool: await broken() });
    expect(await accept(alert('a'))).toMatchObject({ state: 'opened' });
    expect((await metrics.spool.unwritable.get()).values[0]?.value).toBe(1);
    there.away = true;
    const second = await opened(there, { spool: await broken() });
    expect(await refusal(second.accept(alert('b')))).toBe('spool_unwritable');
    expect(log.join('')).toContain('the spool can not be written');
  });

  it('are paged by the server after half a minute, once, and the incident is told', async () => {
    const away = temporal();
    away.away = true;
    const paged: string[] = [];
    const page = (because: string): OwnPage => {
      paged.push(because);
      return { deliveries: [{ key: 'k', person: 'alice', why: '', channel: 'test', dueAt: 0, sentAt: 0, acceptedAt: 0, attempts: 1, repeats: 0, late: true }], missing: [] };
    };
    const first = await opened(away, { minute: 400, page });
    await first.accept(alert('a'));
    await first.accept(alert('quiet', { status: 'resolved' }));
    await expect.poll(() => paged.length, { timeout: 5_000 }).toBe(1);
    await first.close();
    const second = await opened(away, { minute: 400, page });
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(paged).toEqual([expect.stringMatching(/^Temporal can not be reached since 20/)]);
    away.away = false;
    await expect.poll(() => away.taken.length, { timeout: 5_000 }).toBe(2);
    expect(away.taken[0]?.word.kept?.paged?.deliveries.map(({ person }) => person)).toEqual(['alice']);
    await second.close();
  });
});

describe('the page of what Temporal does not take', () => {
  const reached = (person: string): OwnPage['deliveries'][number] => ({ key: `k/${person}`, person, why: '', channel: 'test', dueAt: 0, sentAt: 0, acceptedAt: 0, attempts: 1, repeats: 0, late: true });
  const nobody: OwnPage = { deliveries: [], missing: [{ person: 'alice', mayHaveArrived: false }] };

  it('is tried again with rests while nobody can be reached, and its incident is told of whoever was', async () => {
    const away = temporal();
    away.away = true;
    let tries = 0;
    const page = (): OwnPage => {
      tries += 1;
      if (tries === 1) throw new Error('the roster can not be read');
      return tries < 3 ? nobody : { deliveries: [reached('alice')], missing: [] };
    };
    const { accept } = await opened(away, { minute: 100, page });
    await accept(alert('a'));
    await expect.poll(() => tries).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(tries).toBe(1);
    await expect.poll(() => tries, { timeout: 20_000 }).toBe(3);
    away.away = false;
    await expect.poll(() => away.taken.length, { timeout: 5_000 }).toBe(1);
    expect(away.taken[0]?.word.kept?.paged).toMatchObject({ deliveries: [{ person: 'alice' }], missing: [] });
  });

  it('goes out for an alert that fails for half a minute, also while Temporal takes all others', async () => {
    const there = temporal();
    there.failing = 'stuck';
    const paged: string[] = [];
    const page = (because: string): OwnPage => {
      paged.push(because);
      return { deliveries: [reached('alice')], missing: [] };
    };
    // Half a minute is a second here.
    const { accept } = await opened(there, { minute: 2_000, page });
    await accept(alert('a', { title: 'stuck' }));
    await accept(alert('b'));
    expect(paged).toEqual([]);
    await expect.poll(() => paged, { timeout: 10_000 }).toEqual([expect.stringMatching(/^Temporal does not take its alert since 20/)]);
    there.failing = '';
    await expect.poll(() => there.taken.map(({ word }) => [word.title, word.kept?.paged?.deliveries.length]), { timeout: 15_000 }).toEqual([['about b', undefined], ['stuck', 1]]);
  });

  it('goes out once for an alert that Temporal refuses for ever, however often its source repeats it, and until somebody is reached', async () => {
    const there = temporal();
    there.refused = 'poison';
    let tries = 0;
    const page = (): OwnPage => {
      tries += 1;
      return tries < 2 ? nobody : { deliveries: [reached('alice')], missing: [] };
    };
    const { accept, metrics } = await opened(there, { page });
    for (let repeat = 0; repeat < 5; repeat += 1) await accept(alert('a', { title: 'poison' }));
    expect((await metrics.spool.setAside.get()).values[0]?.value).toBe(5);
    await expect.poll(() => tries, { timeout: 10_000 }).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(tries).toBe(2);
  });
});

describe('the spool', () => {
  it('sets aside what Temporal refuses for ever, pages about it, hands over the rest, and tries again after a restart', async () => {
    const there = temporal();
    there.refused = 'poison';
    const paged: string[] = [];
    const page = (because: string): OwnPage => {
      paged.push(because);
      return { deliveries: [], missing: [] };
    };
    const { accept, metrics, close } = await opened(there, { page });
    expect(await accept(alert('a', { title: 'poison' }))).toMatchObject({ state: 'accepted' });
    expect(await accept(alert('b'))).toMatchObject({ state: 'opened' });
    await expect.poll(() => paged).toEqual(['Temporal refuses its alert']);
    expect((await metrics.spool.setAside.get()).values[0]?.value).toBe(1);
    await close();
    const again = temporal();
    await opened(again);
    await expect.poll(() => again.taken.map(({ word }) => word.title)).toEqual(['poison']);
  });

  it('belongs to one server at a time', async () => {
    const spool = await openSpool({ folder });
    await expect(openSpool({ folder })).rejects.toThrow('is in use by another server');
    await spool.close();
    await (await openSpool({ folder })).close();
  });

  it('is encrypted with the keys of the config, and does not open without them', async () => {
    const keys = [new Secret('ab'.repeat(32))];
    const away = temporal();
    away.away = true;
    const { accept, close } = await opened(away, { spool: await openSpool({ folder, sealing: sealingOf(keys) }) });
    await accept(alert('a', { title: 'a secret title' }));
    await close();
    expect((await readFile(join(folder, 'data.mdb'))).includes('a secret title')).toBe(false);
    await expect(openSpool({ folder, sealing: sealingOf([new Secret('cd'.repeat(32))]) })).rejects.toThrow('none of encryption.keys');
    const spool = await openSpool({ folder, sealing: sealingOf(keys) });
    expect(spool.found.map(({ entry }) => entry.opening.alert.title)).toEqual(['a secret title']);
    await spool.close();
  });
});
