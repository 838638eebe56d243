import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runbooks } from '../src/catalogue.js';
import { plainRunbook } from '../src/catalogue/plain.js';
import { catalogueMarkdown } from '../src/catalogue/render.js';

const standardFile = fileURLToPath(new URL('../docs/runbooks.md', import.meta.url));

/** Writes docs/runbooks.md (or FILE) from the catalogue; with --check it changes nothing and exits 1 if the page is stale. */
function main(): number {
  const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true });
  const file = positionals[0] ?? standardFile;
  const page = catalogueMarkdown(runbooks.map(plainRunbook));
  if (!values.check) {
    writeFileSync(file, page);
    return 0;
  }
  if (textOf(file) === page) return 0;
  console.error(`${file} is stale: npm run docs writes it again.`);
  return 1;
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

process.exitCode = main();
