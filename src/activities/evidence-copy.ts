import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { archiveWithRoom } from './archive.js';
import { addHold } from './evidence.js';
import { badInput, hostNamed } from './known-hosts.js';
import { openLogs } from './log-files.js';
import type { OpenLog } from './log-files.js';
import { bytesText, listed } from './wording.js';

/** A file of the copy, as its manifest has it. */
interface Copied {
  name: string;
  bytes: number;
  sha256: string;
}

/** Keeps the logs of an attack: a copy of what they were, and a hold on what they are. */
export function evidenceActivities({ hosts }: { hosts: readonly Host[] }) {
  return {
    /**
     * Copies a channel's logs that were written to since a moment into `<archive>/evidence/<incident>/<host>`, off the application's
     * volume, with a manifest that `sha256sum -c` reads; and puts copy and originals on hold, so that no runbook deletes them.
     * Refused without room. A repeat keeps the first copy of a file and adds what is new under the next number.
     */
    async preserveLogs({ place, channel, since, incident }: { place: Place; channel: string; since: number; incident: string }): Promise<ActResult> {
      if (!/^[A-Za-z0-9-]{1,64}$/.test(incident)) throw badInput(`no id of an incident: ${JSON.stringify(incident)}`);
      const host = hostNamed(hosts, place.host);
      const { logs, problems } = await openLogs(host, channel, { since, until: Number.POSITIVE_INFINITY });
      try {
        if (logs.length === 0) return { outcome: problems.length > 0 ? 'failed' : 'refused', evidence: listed(`no ${channel} log was written to since ${new Date(since).toISOString()}`, problems) };
        const bytes = logs.reduce((sum, { size }) => sum + size, 0);
        const { dev } = await stat(join(host.root, 'storage/logs'));
        const room = await archiveWithRoom(host, bytes, dev);
        if ('refused' in room) return { outcome: 'refused', evidence: `nothing copied: ${room.refused}` };
        const folder = join(room.path, 'evidence', incident, host.name);
        await mkdir(folder, { recursive: true, mode: 0o700 });
        // Held first: nobody may delete them while they are copied.
        const hold = { incident, reason: `logs of the incident on ${place.name}`, since: new Date().toISOString() };
        for (const { name } of logs) await addHold(host, { ...hold, path: join(host.root, 'storage/logs', name) });
        await addHold(host, { ...hold, path: folder });
        const copied: Copied[] = [];
        for (const log of logs) copied.push(await copy(log, folder));
        const manifest = await writeManifest(folder, copied);
        const rows = [...problems, ...copied.map(({ name, bytes: size, sha256 }) => `${sha256}  ${name} (${bytesText(size)})`)];
        return { outcome: problems.length > 0 ? 'failed' : 'done', evidence: listed(`${copied.length} logs copied to ${folder} and put on hold; manifest ${manifest}`, rows) };
      } finally {
        await Promise.all(logs.map(({ handle }) => handle.close()));
      }
    },
  };
}

/** As far as it went when it was opened: what is appended meanwhile comes after the attack's alert. */
async function copy(log: OpenLog, folder: string): Promise<Copied> {
  const partial = join(folder, '.partial');
  const hash = createHash('sha256');
  const target = await open(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
  try {
    const source = log.handle.createReadStream({ autoClose: false, start: 0, end: log.size - 1, highWaterMark: 1024 * 1024, signal: Context.current().cancellationSignal });
    for await (const chunk of source as AsyncIterable<Buffer>) {
      hash.update(chunk);
      await target.writeFile(chunk);
    }
    await target.sync();
  } finally {
    await target.close();
  }
  const sha256 = hash.digest('hex');
  const name = await freeName(folder, log.name, sha256);
  await rename(partial, join(folder, name));
  return { name, bytes: log.size, sha256 };
}

/** The log's own name, or with a number where another state of it was kept before. */
async function freeName(folder: string, name: string, sha256: string): Promise<string> {
  for (let n = 1; ; n += 1) {
    const candidate = n === 1 ? name : `${name}.${n}`;
    const other = await hashOf(join(folder, candidate));
    if (other === undefined || other === sha256) return candidate;
  }
}

async function hashOf(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const hash = createHash('sha256');
    for await (const chunk of file.createReadStream({ autoClose: false, start: 0 }) as AsyncIterable<Buffer>) hash.update(chunk);
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}

/** One manifest for each copying, never written over. Its own name says its hash, which the incident's record keeps. */
async function writeManifest(folder: string, copied: readonly Copied[]): Promise<string> {
  const text = copied.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('');
  const name = `SHA256SUMS-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
  const partial = join(folder, '.partial');
  const file = await open(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, join(folder, name));
  return name;
}

export type EvidenceActivities = ReturnType<typeof evidenceActivities>;
