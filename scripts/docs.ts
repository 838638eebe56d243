import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runbooks } from '../src/catalogue.js';
import { plainRunbook } from '../src/catalogue/plain.js';
import { catalogueMarkdown } from '../src/catalogue/render.js';
import { databaseConnectionFailuresProcedure } from '../src/workflows/database-connection-failures.js';
import { ladderPicture } from './ladder-picture.js';
import { permissionsMarkdown } from './permissions.js';
import { exampleHost, sudoersText } from './sudoers.js';

const docs = fileURLToPath(new URL('../docs', import.meta.url));

/** What the catalogue gives, by its name in docs/. */
function pages(): Record<string, string> {
  const plain = runbooks.map(plainRunbook);
  return {
    'runbooks.md': catalogueMarkdown(plain),
    'permissions.md': permissionsMarkdown(plain),
    'sudoers.example': sudoersText(exampleHost),
    'ladder.svg': ladderPicture(databaseConnectionFailuresProcedure),
  };
}

/** Writes the pages into docs/ (or FOLDER); with --check it changes nothing and exits 1 if one is stale. */
function main(): number {
  const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true });
  const folder = positionals[0] ?? docs;
  const written = Object.entries(pages()).map(([name, page]) => ({ file: join(folder, name), page }));
  if (!values.check) {
    for (const { file, page } of written) writeFileSync(file, page);
    return 0;
  }
  const stale = written.filter(({ file, page }) => textOf(file) !== page);
  for (const { file } of stale) console.error(`${file} is stale: npm run docs writes it again.`);
  return stale.length === 0 ? 0 : 1;
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

process.exitCode = main();
