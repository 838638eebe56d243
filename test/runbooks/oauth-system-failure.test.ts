import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { oauthSystemFailureProcedure as runbook } from '../../src/workflows/oauth-system-failure.js';
import { runId } from '../../src/workflows/names.js';
import { oauthKeys } from '../../sandbox/faults/oauth-keys.js';
import { openRunbookWorld, outcomeOf, type RunbookWorld } from '../support/runbook-world.js';

const names = ['oauth-private.key', 'oauth-public.key'] as const;
let world: RunbookWorld;
let good: Record<string, string>;
/** How every token of Passport begins. */
const tokenHead = 'eyJ0eXAiOiJKV1Qi';
const path = (name: string): string => join(world.authos.root, 'storage', name);

beforeAll(async () => {
  world = await openRunbookWorld();
  good = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(path(name), 'utf8')] as const)));
});
afterAll(async () => world?.close());
beforeEach(async () => {
  // An open incident goes on looking, and makes a token for it.
  await world.world.endIncidents();
  for (const name of names) {
    await rm(path(name), { force: true });
    await writeFile(path(name), good[name] ?? '', { mode: 0o600 });
    await world.authos.user.own(path(name));
    await rm(join(world.authos.keyBackup, name), { force: true });
  }
});
afterEach(() => world.setMode('automatic', 'global'));

const put = (name: Parameters<typeof oauthKeys>[0]) => oauthKeys(name).put(world.authos);
const tokensMade = () => world.authos.sql('select id, revoked from oauth_access_tokens order by id');
const stored = (): Promise<string[]> => readdir(join(world.authos.root, 'storage'));

describe('OAuth System Failure', () => {
  it('derives a missing public key by itself', async () => {
    await put('oauth-public-key-missing');
    const { view } = await world.run(runbook);
    expect(view.runs[0]?.end).toBe('recovered');
    expect(view.asks).toEqual([]);
    expect(await readFile(path(names[1]), 'utf8')).toBe(good[names[1]]);
  });

  it('restores the private key on approval, restarts, and leaves no key in either history', async () => {
    await put('oauth-keys-missing');
    const restarts = world.authos.restarts;
    const { view, incident } = await world.run(runbook, { answers: () => 'approve' });
    expect(view.runs[0]?.end).toBe('recovered');
    expect(outcomeOf(view, 'Restore the private key')).toContain('done');
    expect(view.asks.map(({ act }) => act)).toEqual(['Restore the private key']);
    expect(world.authos.restarts).toBe(restarts + 1);
    expect(await oauthKeys('oauth-keys-missing').over(world.authos)).toMatchObject({ over: true });
    const run = await world.world.client.workflow.getHandle(runId(incident.start.id, 1)).fetchHistory();
    // A payload's data is base64 in JSON; quotes in it are escaped once more, which no line of a key has.
    const histories = JSON.stringify([run, await incident.handle.fetchHistory()], (key, value: unknown) =>
      key === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : value,
    );
    const has = (text: string): boolean => histories.includes(text);
    expect(has('oauth-private.key restored from')).toBe(true);
    const line = (good[names[0]] ?? '').split('\n')[5] ?? '';
    expect(line.length).toBeGreaterThan(40);
    expect([line, 'PRIVATE KEY-----', tokenHead].filter(has)).toEqual([]);
  });

  it('restores it without an answer, since nobody is there and no token can be made', async () => {
    await put('oauth-keys-missing');
    const { view } = await world.run(runbook, { expire: true });
    expect(outcomeOf(view, 'Restore the private key')).toContain('done');
    expect(view.runs[0]?.end).toBe('recovered');
  });

  it('makes a new pair, which ends every session, never without an answer', async () => {
    await put('oauth-keys-lost');
    const { view } = await world.run(runbook, { expire: true });
    expect(outcomeOf(view, 'Make a new pair of keys')).toContain('skipped expired');
    expect(view.runs[0]?.end).toBe('unrecovered');
    expect(await stored()).not.toContain(names[0]);
  });

  it('leaves the keys as they are when it is declined, and escalates', async () => {
    await put('oauth-keys-lost');
    const { view } = await world.run(runbook, { answers: () => 'decline', until: ({ level, runs }) => level >= 2 && runs[0]?.endedAt !== undefined });
    expect(outcomeOf(view, 'Make a new pair of keys')).toContain('skipped declined');
    expect(view.runs[0]?.end).toBe('unrecovered');
    expect(await stored()).not.toContain(names[0]);
  });

  it('claims no success where the keys were never the reason', async () => {
    await world.authos.sql('update oauth_clients set revoked = true');
    try {
      const { view } = await world.run(runbook, { answers: () => 'approve' });
      expect(view.runs[0]?.end).toBe('unrecovered');
      expect(outcomeOf(view, 'Test Token Generation')).toContain('Personal access client not found');
      expect(outcomeOf(view, 'Make a new pair of keys')).toContain('skipped condition does not hold');
      expect(outcomeOf(view, 'Reinstall Passport')).toContain('skipped condition does not hold');
      expect(outcomeOf(view, 'Restart the application')).toContain('done');
      expect(await readFile(path(names[0]), 'utf8')).toBe(good[names[0]]);
    } finally {
      await world.authos.sql('update oauth_clients set revoked = false');
    }
  });

  it.each(['observe-only', 'dry-run'] as const)('changes nothing in mode %s', async (mode) => {
    await put('oauth-public-key-missing');
    await world.setMode(mode, 'global');
    const tokens = await tokensMade();
    const { view } = await world.run(runbook);
    expect(view.runs[0]?.end).toBe('observed');
    expect(await tokensMade(), 'not one of our own either').toEqual(tokens);
    expect(outcomeOf(view, 'Derive the missing public key')).toContain('skipped mode');
    expect(await stored()).not.toContain(names[1]);
  });

  it('touches no key and restarts nothing while the database is down, and calls nothing recovered', async () => {
    await copyFile(path(names[0]), join(world.authos.keyBackup, names[0]));
    await world.authos.postgres.stop();
    try {
      const { view } = await world.run(runbook);
      expect(view.runs[0]?.end).toBe('unrecovered');
      expect(view.asks).toEqual([]);
      expect(outcomeOf(view, 'Restore the private key')).toContain('skipped condition does not hold');
      expect(outcomeOf(view, 'Make a new pair of keys')).toContain('skipped condition does not hold');
      expect(outcomeOf(view, 'Reinstall Passport')).toContain('skipped condition does not hold');
      expect(outcomeOf(view, 'Restart the application')).toContain('the database is unhealthy');
      expect(await readFile(path(names[0]), 'utf8')).toBe(good[names[0]]);
    } finally {
      await world.authos.postgres.restart();
    }
  });
});
