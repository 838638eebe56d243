import { mkdirSync } from 'node:fs';
import type { Payload } from '@temporalio/common';
import proto from '@temporalio/proto';
import { open } from 'lmdb';
import type { Alert, Kept } from '../domain/alert.js';
import type { Sealing } from '../payloads/encryption.js';
import { claim } from './claim.js';
import type { Opening } from './temporal-intake.js';

const { Payload: wire } = proto.temporal.api.common.v1;

/** Alerts of one incident that wait for Temporal: what opens it, how many they are, and the last of them. Plain JSON. */
export interface SpoolEntry extends Kept {
  v: 1;
  /** The first that fires, else the first: what opens the incident if none is open. */
  opening: Opening;
  /** The last, where that is another one. */
  last?: Alert;
  /** Of the request that brought the first, of W3C's Trace Context. */
  traceparent?: string;
}

/** An entry under the workflow id of its incident. */
export interface Spooled {
  workflowId: string;
  entry: SpoolEntry;
  /** What it takes on the disk. */
  bytes: number;
}

/** Alerts on our own disk: one entry for each incident that they would open or join. */
export interface Spool {
  /** What was there when it was opened, oldest first; what had been set aside too, for another try. */
  readonly found: Spooled[];
  /** Writes an entry over the one that may be there. `flushed` resolves once the disk has it, and throws if it can't be written. */
  keep(workflowId: string, entry: SpoolEntry): { bytes: number; flushed: Promise<void> };
  /** Takes an entry out. After a crash it may be there again. */
  remove(workflowId: string): Promise<void>;
  /** Takes an entry out of the others' way, until the spool is opened again. Resolves once the disk has it. */
  setAside(workflowId: string, entry: SpoolEntry): Promise<void>;
  /** Writes what has been set aside anew; what is kept under its workflow id since then stays. */
  keepAside(workflowId: string, entry: SpoolEntry): Promise<void>;
  /** Lets what is being written be finished. */
  close(): Promise<void>;
}

/**
 * Opens the spool in a folder, which is made if it is missing; with `sealing` entries are encrypted. Throws `SpoolInUse` if
 * another process has it, and PayloadUnreadable if we lack the key of an entry: it stays there, for a server that has it.
 */
export async function openSpool({ folder, sealing }: { folder: string; sealing?: Sealing | undefined }): Promise<Spool> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const release = await claim(folder);
  // Its defaults flush each commit, and resolve a write once it is flushed.
  const env = open<Buffer, string>({ path: folder, encoding: 'binary', maxDbs: 2 });
  const entries = env.openDB<Buffer, string>('entries', { encoding: 'binary' });
  const aside = env.openDB<Buffer, string>('aside', { encoding: 'binary' });

  function written(value: Omit<Spooled, 'bytes'>): Buffer {
    const payload: Payload = { metadata: {}, data: Buffer.from(JSON.stringify(value)) };
    return Buffer.from(wire.encode(sealing ? sealing.sealed(payload) : payload).finish());
  }

  function read(bytes: Buffer): Spooled {
    const payload = wire.decode(bytes);
    const { data } = sealing ? sealing.opened(payload) : payload;
    return { ...(JSON.parse(Buffer.from(data ?? []).toString('utf8')) as Spooled), bytes: bytes.length };
  }

  async function tryAgain(): Promise<void> {
    await env.transaction(() => {
      for (const { key, value } of [...aside.getRange()]) {
        const { workflowId } = read(value);
        if (entries.doesExist(workflowId)) continue;
        void entries.put(workflowId, value);
        void aside.remove(key);
      }
    });
  }

  try {
    await tryAgain();
    // UUIDv7s are in the order in which they were made.
    const found = [...entries.getRange()].map(({ value }) => read(value)).sort((a, b) => (a.entry.id < b.entry.id ? -1 : 1));
    return {
      found,
      keep(workflowId, entry) {
        const bytes = written({ workflowId, entry });
        return { bytes: bytes.length, flushed: done(() => entries.put(workflowId, bytes)) };
      },
      remove: (workflowId) => done(() => entries.remove(workflowId)),
      setAside: (workflowId, entry) =>
        done(() =>
          env.batch(() => {
            void aside.put(entry.id, written({ workflowId, entry }));
            void entries.remove(workflowId);
          }),
        ),
      keepAside: (workflowId, entry) => done(() => aside.put(entry.id, written({ workflowId, entry }))),
      async close() {
        await env.close();
        await release();
      },
    };
  } catch (error) {
    await env.close();
    await release();
    throw error;
  }
}

/** Every failure as a rejection. */
async function done(write: () => Promise<boolean>): Promise<void> {
  await write();
}
