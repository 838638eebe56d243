import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hostNeeding } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

const slow = process.env['RESPONDER_SLOW'] !== undefined;

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

describe('a pager that is away', () => {
  // An hour has some thousand tries.
  it.each([['30 s', 0.5], ['three minutes', 3], ...(slow ? [['an hour', 60] as const] : [])] as const)('for %s gets every page that fell due, each once, and says which are late', { timeout: 120_000 }, async (_what, minutes) => {
    const back = (await world.env.currentTimeMs()) + minutes * 60_000;
    let refused = 0;
    world.onSend = async () => {
      if ((await world.env.currentTimeMs()) >= back) return;
      refused += 1;
      throw new Error('connect ECONNREFUSED');
    };
    const incident = await world.open({ activities: hostNeeding().activities });
    await incident.pass(minutes + 1);
    const due = minutes < 5 ? 2 : 10;
    const view = await incident.until(({ pages }) => pages.length >= due, 'the pages');
    world.onSend = async () => undefined;
    expect(refused).toBeGreaterThan(2);
    const sent = world.sent.filter(({ key }) => key.startsWith(incident.start.id)).map(({ key }) => key);
    expect(sent).toEqual(expect.arrayContaining([`${incident.start.id}/1/0.0/infra`, `${incident.start.id}/1/0.0/ops-primary`]));
    expect(new Set(sent).size).toBe(sent.length);
    const first = view.pages.filter(({ key }) => key.includes('/1/0.0/'));
    expect(first.map(({ late, repeats }) => ({ late, repeats }))).toEqual(Array.from(first, () => ({ late: minutes > 1, repeats: 0 })));
    for (const { acceptedAt } of first) expect(acceptedAt - back, 'the next try').toBeLessThan(35_000);
    expect((await incident.story('problem')).join('\n')).not.toContain('given up');
  });
});
