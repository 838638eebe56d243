import { loadavg } from 'node:os';
import type { Mail } from '../sandbox/servers/mailbox.js';
import type { Bars } from './figures.js';
import { usedEach } from './processor-time.js';
import { side, until, width } from './side.js';
import { alertOf, type BenchSite, post } from './site.js';

/**
 * Many distinct incidents at once, with run workers and without; `from` is the number of the first. The floor is measured before
 * and after each, since a machine is not as fast in one minute as in the next.
 */
export async function manyAtOnce(site: BenchSite, { many, from }: { many: number; from: number }, { bar }: Bars): Promise<void> {
  await site.configure();
  await site.startServer();
  await site.startWorker('incidents');
  const text = 'A certificate expires in 3 days.';
  await site.startFloor({ subject: text, text, html: `<p>${text}</p>` });
  const mails = new Set<string>();
  const measure = async (what: string, send: (n: number) => Promise<unknown>, wanted: (mail: Mail) => boolean): Promise<number> => {
    await site.quiet();
    const before = await site.processorTime();
    const perSecond = await rate(site, { many, send, wanted, mails });
    console.log(`  ${what}   ${perSecond.toFixed(1)} a second; processor time of one: ${usedEach(before, await site.processorTime(), many)} (load ${loadavg()[0]?.toFixed(1)})`);
    return perSecond;
  };
  const floor = (round: number) =>
    measure('floor workflow', (n) => post(`${site.floorServer}/floor/many-${round}-${n}`, {}), ({ headers }) => headers['x-responder-key']?.startsWith(`floor/many-${round}-`) === true);
  const incidents = (what: string, first: number) => measure(what, (n) => post(`${site.server}/alerts`, alertOf(first + n)), firstPages(first));

  console.log(`${many} distinct incidents, ${width} POSTs at a time, all paged`);
  const first = await floor(1);
  const runs = await site.startWorker('runs', 'host:app-1');
  const going = await incidents('runs going    ', from);
  // Without a run worker a run waits at its queue.
  await runs.stop();
  const second = await floor(2);
  const gated = await incidents('runs gated    ', from + many);
  const third = await floor(3);
  const times = (rate: number, ...floors: [number, number]): number => rate / ((floors[0] + floors[1]) / 2);
  const [asGated, asGoing] = [times(gated, second, third), times(going, first, second)];
  bar(`${many} incidents, runs gated: ${gated.toFixed(1)} a second, ${asGated.toFixed(2)} × the floor`, asGated >= 0.7, '≥ 0.7 ×');
  bar(`${many} incidents, runs going: ${going.toFixed(1)} a second, ${asGoing.toFixed(2)} × the floor`, asGoing >= 0.5, '≥ 0.5 ×');
}

/** First pages of incidents from this number on. */
function firstPages(from: number): (mail: Mail) => boolean {
  return ({ headers, subject }) => /^[^/]+\/1\/0\.0\//.test(headers['x-responder-key'] ?? '') && Number(/site-(\d+)\./.exec(subject)?.[1]) >= from;
}

/** Mails a second, from the first POST to the last of the wanted mails. `mails` are the keys of those that have come. */
async function rate({ mailbox, interrupted }: BenchSite, { many, send, wanted, mails }: { many: number; send: (n: number) => Promise<unknown>; wanted: (mail: Mail) => boolean; mails: Set<string> }): Promise<number> {
  let [count, lastAt] = [0, 0];
  const stop = mailbox.onMail((mail) => {
    const key = mail.headers['x-responder-key'] ?? '';
    if (!wanted(mail) || mails.has(key)) return;
    mails.add(key);
    [count, lastAt] = [count + 1, performance.now()];
  });
  try {
    const startedAt = performance.now();
    await side(many, width, send);
    await until('all mail', { interrupted, withinMs: 600_000, soFar: () => `${count} of ${many}` }, () => count >= many);
    return many / ((lastAt - startedAt) / 1_000);
  } finally {
    stop();
  }
}
