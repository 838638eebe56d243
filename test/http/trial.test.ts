import { afterEach, describe, expect, it } from 'vitest';
import type { IncidentView } from '../../src/domain/incident.js';
import { incidentView } from '../support/incident-view.js';
import { call, remembering, served, tokens } from './world.js';

const alice = { token: tokens.alice };
const opened = (change: Partial<IncidentView>, id: string): IncidentView => {
  const view = incidentView({ mode: 'observe-only', ...change });
  return { ...view, incident: { ...view.incident, id, openedAt: Date.now() - 60_000 } };
};
const [openId, closedId] = ['0190f3c0-0000-7000-8000-00000000000a', '0190f3c0-0000-7000-8000-00000000000b'];

let close: (() => Promise<unknown>) | undefined;
afterEach(() => close?.());

async function server(stored: IncidentView[]): Promise<{ url: string; asked: number[] }> {
  const asked: number[] = [];
  const open = opened({ state: 'open' }, openId);
  delete open.closedAs;
  const { incidents } = remembering({
    list: async () => [{ ...open.incident, state: 'open', level: 1, waitingFor: '', nextEscalationAt: null }],
    view: async () => ({ view: open, progress: [] }),
  });
  const since = async function* (moment: number) {
    asked.push(moment);
    yield* stored;
  };
  const served_ = await served(incidents, {}, { since });
  close = served_.close;
  return { url: served_.url, asked };
}

describe('GET /api/trial', () => {
  it('adds open incidents up with stored reports, a reopened one by what it is now', async () => {
    const { url } = await server([opened({}, closedId), opened({}, openId)]);
    const { status, json } = await call(`${url}/api/trial`, alice);
    expect(status).toBe(200);
    expect(json).toMatchObject({ incidents: 2, unreadable: 0, runbooks: [{ runbook: 'diskSpaceCritical', incidents: 2 }] });
    expect((json as { runbooks: { ended: { as: string }[] }[] }).runbooks[0]?.ended.map(({ as }) => as).sort()).toEqual(['open', 'recovered']);
  });

  it('looks back as far as it is told, 14 days if it is not', async () => {
    const { url, asked } = await server([]);
    await call(`${url}/api/trial`, alice);
    await call(`${url}/api/trial?since=12h`, alice);
    const ages = asked.map((moment) => Math.round((Date.now() - moment) / 3_600_000));
    expect(ages).toEqual([14 * 24, 12]);
  });

  it.each(['ages', '', '-1d', '400d', '14d; rm -rf', '../14d'])('refuses to look back %j', async (since) => {
    const { url, asked } = await server([]);
    const { status, json } = await call(`${url}/api/trial?since=${encodeURIComponent(since)}`, alice);
    expect([status, json['error']]).toEqual([400, 'invalid']);
    expect(asked).toEqual([]);
  });

  it('is for people', async () => {
    const { url } = await server([]);
    expect((await call(`${url}/api/trial`)).status).toBe(401);
    expect((await call(`${url}/api/trial`, { token: tokens.monitoring })).status).toBe(403);
  });
});
