import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sslCertificateExpiryProcedure as runbook } from '../../src/workflows/ssl-certificate-expiry.js';
import { openRunbookWorld, outcomeOf, type RunbookWorld } from '../support/runbook-world.js';

const day = 86_400_000;
const expiring = () => ({ notBefore: new Date(Date.now() - 87 * day), notAfter: new Date(Date.now() + 3 * day) });
let world: RunbookWorld;

beforeAll(async () => {
  world = await openRunbookWorld();
});
afterAll(async () => world?.close());
beforeEach(async () => {
  await world.authos.https.refuseRenewal(undefined);
});
afterEach(() => world.setMode('automatic', 'global'));

const serve = async (options: Parameters<typeof world.authos.https.put>[0]): Promise<string> => {
  await world.authos.https.put(options);
  await world.authos.https.reload();
  return world.authos.https.served();
};

describe('SSL Certificate Expiry', () => {
  it('renews a certificate that is due by itself and proves that it is served', async () => {
    const before = await serve(expiring());
    const { view } = await world.run(runbook);
    expect(view.runs[0]?.end).toBe('recovered');
    expect(view.asks).toEqual([]);
    expect(outcomeOf(view, 'Renew the certificate')).toContain('done: renewed');
    expect(outcomeOf(view, 'Verify Renewal')).toContain('done');
    expect(outcomeOf(view, 'Test HTTPS')).toContain('done');
    expect(await world.authos.https.served()).not.toBe(before);
  });

  it('only reloads where the file is newer, and asks no certbot', async () => {
    await serve(expiring());
    await world.authos.https.put();
    const { view } = await world.run(runbook);
    expect(view.runs[0]?.end).toBe('recovered');
    expect(outcomeOf(view, 'Load the certificate that is on disk')).toContain('done');
    expect(outcomeOf(view, 'Renew the certificate')).toContain('skipped');
  });

  it('pages early when a validation fails, never forces it, and ends unrecovered', async () => {
    const before = await serve(expiring());
    await world.authos.https.refuseRenewal('Some challenges have failed.');
    const { view, incident } = await world.run(runbook, { until: ({ level, runs }) => level >= 2 && runs[0]?.endedAt !== undefined });
    expect(view.runs[0]?.end).toBe('unrecovered');
    expect(outcomeOf(view, 'Renew the certificate')).toMatch(/^failed: .*Some challenges have failed/s);
    expect(outcomeOf(view, 'Force the renewal')).toBe('skipped condition does not hold: a renewal failed');
    expect(view.asks).toEqual([]);
    expect((await incident.story('escalate')).join()).toContain(`the renewal of ${world.authos.https.domain} failed`);
    expect(await world.authos.https.served()).toBe(before);
  });

  it('forces the renewal of a wrong one only on approval', async () => {
    const before = await serve({ names: ['other.test'] });
    const declined = await world.run(runbook, { answers: () => 'decline' });
    expect(declined.view.runs[0]?.end).toBe('unrecovered');
    expect(outcomeOf(declined.view, 'Force the renewal')).toContain('skipped declined');
    expect(await world.authos.https.served()).toBe(before);
    const approved = await world.run(runbook, { answers: () => 'approve' });
    expect(approved.view.runs[0]?.end).toBe('recovered');
    expect(outcomeOf(approved.view, 'Force the renewal')).toContain('done: renewed');
  });

  it('does not force it when nobody answers: it is High, not Critical', async () => {
    const before = await serve({ withChain: false });
    const { view } = await world.run(runbook, { expire: true });
    expect(outcomeOf(view, 'Force the renewal')).toContain('skipped expired');
    expect(view.runs[0]?.end).toBe('unrecovered');
    expect(await world.authos.https.served()).toBe(before);
  });

  it.each(['observe-only', 'dry-run'] as const)('%s: looks, says what it would do, and changes nothing', async (mode) => {
    const before = await serve(expiring());
    await world.setMode(mode, 'global');
    const { view } = await world.run(runbook);
    expect(view.runs[0]?.end).toBe('observed');
    expect(outcomeOf(view, 'Check Certificate Expiry')).toContain('3.0 days left');
    expect(outcomeOf(view, 'Renew the certificate')).toContain('would run certbot renew --cert-name');
    expect(await world.authos.https.served()).toBe(before);
  });
});
