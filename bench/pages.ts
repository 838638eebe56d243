import { cpus } from 'node:os';
import { openBars } from './figures.js';
import { levelsTogether } from './levels.js';
import { manyAtOnce } from './many.js';
import { bench } from './site.js';

/*
 * Levels that fall due together, and many incidents at once, beside the floor (floor.ts) on the same server in the same run.
 * `npm run bench:pages [-- levels|many] [<incidents>]`, both without a word, 500 incidents without a number, and at most 200 of
 * them due together; exit code 1 if a bar is not held.
 */

const words = process.argv.slice(2);
const parts = ['levels', 'many'].filter((part) => words.includes(part));
const many = Number(words.find((word) => !parts.includes(word)) ?? 500);
if (!Number.isInteger(many) || many < 10) {
  console.error(`bench:pages: ${JSON.stringify(words.join(' '))} is neither levels nor many, nor a number of incidents from 10 on`);
  process.exit(2);
}

/** The first incidents: one, and the few that are due together. */
const spare = 20;
const bars = openBars();
await bench(spare + 3 * many, async (site) => {
  console.log(`${new Date().toISOString().slice(0, 16)}, ${cpus().length} cores, Node ${process.version}`);
  if (!parts.includes('many') || parts.includes('levels')) await levelsTogether(site, [10, Math.min(200, many)], bars);
  if (!parts.includes('levels') || parts.includes('many')) await manyAtOnce(site, { many, from: spare + many }, bars);
  return bars.conclude();
});
