import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { authosVolume, isRoot } from './authos-volume.js';

const php = fileURLToPath(new URL('./php-stand-in.mjs', import.meta.url));

/** An AuthOS root whose `php artisan` is the stand-in, with the commands that a test wants this version to have. */
export async function artisanWorld({ commands, ...options }: { commands: string[] } & Record<string, unknown>) {
  const world = await authosVolume({ changes: { php: [process.execPath, php] } });
  const { root } = world.host;
  await mkdir(join(root, 'bootstrap/cache'), { recursive: true });
  await writeFile(join(root, 'artisan'), '#!/usr/bin/env php\n');
  await writeFile(join(root, 'stand-in.json'), JSON.stringify({ commands, ...options }));
  await writeFile(join(root, 'calls.jsonl'), '');
  if (isRoot) {
    for (const path of ['', 'calls.jsonl', 'bootstrap/cache', 'storage/framework/cache/data', 'storage/logs'])
      await chown(join(root, path), 65534, 65534);
  }
  await chmod(root, 0o755);
  return {
    ...world,
    /** What artisan was asked, in order. */
    calls: async () =>
      (await readFile(join(root, 'calls.jsonl'), 'utf8'))
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as { asked: string; args: string[]; uid: number }),
  };
}
