import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { IncidentView } from '../src/domain/incident.js';
import { side, width } from './side.js';
import { alertOf, bench, type BenchSite, post } from './site.js';

/*
 * One alert, again and again: what a storm of repeats costs its incident. `npm run bench:repeats [-- <repeats>]`; exit code 1 if
 * there are more signals than one in 10 s, if the history grows by more than a handful of events for each, or if an alert is not
 * counted.
 */

const repeats = Number(process.argv[2] ?? 10_000);
if (!Number.isInteger(repeats) || repeats < 100) {
  console.error(`bench:repeats: ${JSON.stringify(process.argv[2])} is no number of repeats from 100 on`);
  process.exit(2);
}
/** Of a signal that comes by itself: it, and a workflow task. */
const eventsOfSignal = 4;
/** Of an incident that pages one person and whose run no worker takes. */
const eventsBeside = 60;

await bench(1, main);

async function main(site: BenchSite): Promise<number> {
  await site.startServer();
  await site.startWorker('incidents');
  const send = (n: number): Promise<string> => post(`${site.server}/alerts`, { ...alertOf(0), description: `repeat ${n}` });
  const startedAt = performance.now();
  const { alerts: [first] } = JSON.parse(await send(0)) as { alerts: { workflowId: string }[] };
  await side(repeats, width, (n) => {
    site.interrupted.throwIfAborted();
    return send(n + 1);
  });
  const took = (performance.now() - startedAt) / 1_000;
  const handle = site.client.workflow.getHandle(first?.workflowId ?? '');
  let view = await handle.query<IncidentView>('show');
  for (const giveUpAt = performance.now() + 60_000; view.alerts.count <= repeats && performance.now() < giveUpAt; await delay(500)) view = await handle.query<IncidentView>('show');
  const events = (await handle.fetchHistory()).events ?? [];
  const signalsAt = events.filter((event) => event.workflowExecutionSignaledEventAttributes?.signalName === 'alert').map(({ eventTime }) => Number(eventTime?.seconds ?? 0) + (eventTime?.nanos ?? 0) / 1e9);
  const apart = signalsAt.slice(1).map((at, index) => at - (signalsAt[index] ?? at));
  const atMost = signalsAt.length * eventsOfSignal + eventsBeside;
  const held = apart.every((seconds) => seconds >= 9.9) && events.length <= atMost && view.alerts.count === repeats + 1 && view.alerts.description.startsWith('repeat ');
  console.log(`${repeats} repeats of one alert in ${took.toFixed(1)} s, ${width} at a time, ${(repeats / took).toFixed(0)} a second (load ${loadavg()[0]?.toFixed(1)})`);
  console.log(`  ${signalsAt.length} signals, ${apart.map((seconds) => seconds.toFixed(1)).join(', ') || 'none'} s apart (bar: 10)`);
  console.log(`  ${events.length} events of history (bar: ${atMost}); ${view.alerts.count} alerts counted of ${repeats + 1}; the last: ${view.alerts.description} ${held ? 'held' : 'NOT HELD'}`);
  return held ? 0 : 1;
}
