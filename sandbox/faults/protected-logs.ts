import { createHash } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Authos } from '../authos/authos.js';

interface Kept {
  name: string;
  size: number;
  sha256: string;
}

const manifestOf = (authos: Authos) => join(authos.folder, 'sandbox/protected-logs.json');

/** Remembers what these files hold now. */
export async function rememberLogs(authos: Authos, paths: string[]): Promise<void> {
  const kept: Kept[] = await Promise.all(
    paths.map(async (path) => {
      const data = await readFile(path);
      return { name: basename(path), size: data.length, sha256: sha256(data) };
    }),
  );
  await writeFile(manifestOf(authos), JSON.stringify(kept));
}

/** Names of the remembered files whose text is neither in storage/logs nor in the archive, whole or gzipped, by whatever name. */
export async function lostLogs(authos: Authos): Promise<string[]> {
  const kept = JSON.parse(await readFile(manifestOf(authos), 'utf8')) as Kept[];
  const found = new Set<string>();
  for (const folder of [join(authos.root, 'storage/logs'), authos.archive]) {
    for (const path of await filesIn(folder)) {
      const raw = await readFile(path);
      const data = path.endsWith('.gz') ? gunzipSync(raw) : raw;
      // A file may have grown since: its beginning must be what it was.
      for (const { name, size, sha256: wanted } of kept) if (data.length >= size && sha256(data.subarray(0, size)) === wanted) found.add(name);
    }
  }
  return kept.map(({ name }) => name).filter((name) => !found.has(name));
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
