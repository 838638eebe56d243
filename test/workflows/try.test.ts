import { afterAll, beforeAll, it } from 'vitest';
import { practiceHost } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';
let world: World;
beforeAll(async () => { world = await openWorld(); });
afterAll(async () => world?.close());
it('tries', async () => {
  const host = practiceHost();
  host.needless = new Set(['Safe Cure','Temporary Cure','Restart','Delete','Log Everyone Out']);
  const a = await world.open({ activities: host.activities });
  for (const step of [0.5, 3, 10]) {
  const t = Date.now();
  await a.pass(step); console.log('pass', step, Date.now()-t, 'ms');
  }
  console.log(a.paged());
  let t = Date.now();
  await a.pass(100); console.log('pass 100', Date.now()-t, 'ms');
  console.log(a.paged());
  const v = await a.view();
  console.log(v.timeline.map(e => `${((e.at - a.start.alert.acceptedAt)/60000).toFixed(2)} ${e.what} ${e.text}`).join('\n'));
  // hanging pager
  world.onSend = () => new Promise(() => undefined);
  t = Date.now();
  await Promise.race([a.pass(60), new Promise(r => setTimeout(r, 8000))]); console.log('hang pass 60', Date.now()-t, 'ms', (await a.now() - a.start.alert.acceptedAt)/60000);
});
