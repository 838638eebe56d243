import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import proto from '@temporalio/proto';

/*
 * How much history an incident costs, from the recorded runs (`npm run histories` records them again). `npm run
 * bench:histories`; exit code 1 over a bar.
 */

/** Events of incident and run together: of a full disk where the usual path cures it and where every step is tried, and of the usual path of anything else; KiB of both as stored. */
const bars = { usualOfADisk: 200, everyStepOfADisk: 400, usual: 300, kib: 300 };

const folder = fileURLToPath(new URL('../test/histories/', import.meta.url));
const { History } = proto.temporal.api.history.v1;

let held = true;
console.log(`${'history'.padEnd(48)} incident + run events   KiB`);
for (const name of await recordings()) {
  const [incident, run] = [await size(name, 'incident'), await size(name, 'run')];
  const [events, kib] = [incident.events + run.events, Math.round((incident.bytes + run.bytes) / 1024)];
  const bar = barOf(name);
  const over = (bar !== undefined && events > bar) || kib > bars.kib;
  held &&= !over;
  const sum = `${incident.events} + ${run.events} = ${events}`;
  console.log(`${name.padEnd(48)} ${sum.padEnd(23)} ${String(kib).padStart(4)}${over ? `   over the bar of ${bar ?? 'any number of'} events and ${bars.kib} KiB` : ''}`);
}
process.exit(held ? 0 : 1);

/** How long anything else stays unrecovered is up to its people: hours of checks have no bar. */
function barOf(name: string): number | undefined {
  const usual = name.endsWith('/recovered');
  if (name.startsWith('diskSpaceCritical/')) return usual ? bars.usualOfADisk : bars.everyStepOfADisk;
  return usual ? bars.usual : undefined;
}

/** `<runbook>/<outcome>` of all that went to their end: a prefix says nothing about the whole. */
async function recordings(): Promise<string[]> {
  const files = await readdir(folder, { recursive: true });
  return files
    .filter((file) => file.endsWith('run.json') && !file.includes('open-'))
    .map((file) => file.replace(/[\\/]run\.json$/, '').replaceAll('\\', '/'))
    .sort();
}

async function size(name: string, file: string): Promise<{ events: number; bytes: number }> {
  const history = historyFromJSON(JSON.parse(await readFile(join(folder, name, `${file}.json`), 'utf8')));
  return { events: history.events?.length ?? 0, bytes: History.encode(history).finish().length };
}
