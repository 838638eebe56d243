import { text } from 'node:stream/consumers';
import { z } from 'zod';

/*
 * Steps of a diagnosis run side by side: it should take little longer than its slowest one. Reads the result of a game day:
 * `npm run --silent drill -- --all --json | npm run bench:diagnosis`. Exit code 1 if a runbook that had its site to itself is over the bar.
 */

const gameDay = z.object({
  parts: z.array(
    z.object({
      results: z.array(z.object({ runbook: z.string(), fault: z.string(), diagnosis: z.object({ tookMs: z.number(), slowestMs: z.number() }).optional() })),
    }),
  ),
});

const bar = (slowestMs: number): number => 1.3 * slowestMs + 300;

const { parts } = gameDay.parse(JSON.parse(await text(process.stdin)));
for (const { results } of parts) {
  for (const { runbook, fault, diagnosis } of results) {
    if (!diagnosis) continue;
    const { tookMs, slowestMs } = diagnosis;
    const isOver = tookMs > bar(slowestMs);
    // Where several incidents share the machine, one waits for the other's steps.
    if (isOver && results.length === 1) process.exitCode = 1;
    console.log(`${runbook} (${fault}): ${Math.round(tookMs)} ms, slowest activity ${Math.round(slowestMs)} ms, bar ${Math.round(bar(slowestMs))} ms${isOver ? ': OVER' : ''}${results.length > 1 ? `; ${results.length} incidents at once` : ''}`);
  }
}
