import { constants } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { archiveWithRoom } from './archive.js';
import { artisan, artisanOutcome } from './artisan-command.js';
import { keepCopy, ownerOf, placeFile, publicOf, setOwnerAndMode, short } from './key-files.js';
import { hostNamed } from './known-hosts.js';
import { files, keyFolder, privateName, publicName, readOauthKeys } from './oauth-key-reading.js';
import { readOauthTables, tableLines } from './oauth-tables.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import type { Shell } from './shell.js';
import { fitted } from './wording.js';

export interface PassportInstallParts {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  databaseOf: DatabaseOf;
}

/** Installs Passport anew, with everything that it may touch in a backup first. */
export function passportInstallActivities({ hosts, shellOf, databaseOf }: PassportInstallParts) {
  return {
    /**
     * `passport:install`, after a backup of keys and tables into the archive (0600); refused without one. `--force`, which makes
     * new keys, only if the private key is no key: a valid one is kept, and put back should it be gone afterwards. Not for
     * repeating blindly.
     */
    async reinstallPassport({ place }: { place: Place }): Promise<ActResult> {
      const host = hostNamed(hosts, place.host);
      const shell = shellOf(host);
      const [before, owner, folder] = [await readOauthKeys(host, shell), await ownerOf(host, shell), await keyFolder(host)];
      if (before.from !== 'files') return { outcome: 'refused', evidence: before.fromWhy || 'the keys come from the environment, which passport:install would not change' };
      if (before.private.state === 'unreadable') return { outcome: 'refused', evidence: `${privateName}: ${before.private.why}; whether it is valid can't be known` };
      const backups: string[] = [];
      for (const { name, pem } of [before.private, before.public]) {
        if (pem === undefined) continue;
        const copy = await keepCopy(host, 'oauth-keys', name, pem);
        if ('refused' in copy) return { outcome: 'refused', evidence: `no backup, so nothing was done: ${copy.refused}` };
        backups.push(copy.kept);
      }
      const tables = await backUpTables(host, databaseOf, place);
      if ('refused' in tables) return { outcome: 'refused', evidence: `no backup, so nothing was done: ${tables.refused}` };
      backups.push(tables.kept);

      const force = before.private.state === 'corrupt' ? ['--force'] : [];
      const done = artisanOutcome('passport:install', await artisan({ host, shell, command: 'passport:install', args: force, timeoutMs: 5 * 60_000 }));
      const notes = [`backup: ${backups.join(', ')}`];
      const after = await readOauthKeys(host, shell);
      if (before.private.state === 'valid' && after.private.fingerprint !== before.private.fingerprint) {
        await placeFile(folder, { name: privateName, text: before.private.pem ?? '', mode: 0o600, owner, over: true });
        await placeFile(folder, { name: publicName, text: publicOf(before.private.pem ?? ''), mode: 0o600, owner, over: true });
        notes.push(`it replaced our valid private key, which was put back (${short(before.private.fingerprint)})`);
      } else {
        for (const name of files) await setOwnerAndMode(join(folder, name), owner, 0o600).catch(() => undefined); // read back below
      }
      if (done.outcome !== 'done') return { ...done, evidence: fitted(`${done.evidence}; ${notes.join('; ')}`) };
      const [keys, now] = [await readOauthKeys(host, shell), await readOauthTables(databaseOf, place)];
      const isGood = keys.private.state === 'valid' && keys.public.state === 'valid' && now.every(({ problem }) => problem === undefined);
      const said = `keys: ${keys.private.state}, ${keys.public.state}; ${tableLines(now)}`;
      return { ...done, outcome: isGood ? 'done' : 'failed', evidence: fitted(`${done.evidence}; ${notes.join('; ')}; ${said}`) };
    },
  };
}

/** Every row that can be read, a line of JSON each, from one snapshot. */
async function backUpTables(host: Host, databaseOf: DatabaseOf, place: Place): Promise<{ kept: string } | { refused: string }> {
  const tables = (await readOauthTables(databaseOf, place)).filter(({ rows }) => rows !== undefined);
  return withDatabase(databaseOf, place, async (client) => {
    await client.query('begin isolation level repeatable read read only');
    let bytes = 0;
    for (const { name } of tables) bytes += Number((await client.query<{ n: string | null }>(`select sum(octet_length(row_to_json(t)::text) + 80) as n from ${name} t`)).rows[0]?.n ?? 0);
    const room = await archiveWithRoom(host, bytes);
    if ('refused' in room) return room;
    const kept = join('oauth-tables', `${place.environment.replace(/[^\w-]/g, '_')}-${new Date().toISOString().replace(/[:.]/g, '-')}.jsonl`);
    await mkdir(join(room.path, 'oauth-tables'), { recursive: true, mode: 0o700 });
    const path = join(room.path, kept);
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      for (const { name } of tables) await writeTable(client, name, file);
      await file.sync();
    } catch (error) {
      await rm(path, { force: true }); // half a backup looks like a whole one
      throw error;
    } finally {
      await file.close();
    }
    await client.query('commit');
    return { kept };
  }, 10 * 60_000);
}

async function writeTable(client: { query: (text: string) => Promise<{ rows: unknown[] }> }, name: string, file: FileHandle): Promise<void> {
  await client.query(`declare backup_${name} no scroll cursor for select json_build_object('table', '${name}', 'row', row_to_json(t))::text as line from ${name} t`);
  for (;;) {
    const { rows } = await client.query(`fetch 500 from backup_${name}`);
    if (rows.length === 0) return;
    await file.writeFile(rows.map((row) => `${(row as { line: string }).line}\n`).join(''));
  }
}

export type PassportInstallActivities = ReturnType<typeof passportInstallActivities>;
