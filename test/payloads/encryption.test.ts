import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, defaultPayloadConverter, type Payload } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { startTemporal } from '../../sandbox/servers/temporal.js';
import { Secret } from '../../src/config.js';
import { dataConverterOf, encryption } from '../../src/payloads/encryption.js';
import { bundle } from '../../src/workers/bundle.js';
import { quietRuntime } from '../support/world.js';
import { leaky } from './leaky.workflow.js';

const freshKey = (): Secret => new Secret(randomBytes(32).toString('hex'));
const payload = (value: unknown): Payload => defaultPayloadConverter.toPayload(value) as Payload;
const valueOf = ([first]: Payload[]): unknown => defaultPayloadConverter.fromPayload(first as Payload);
const textOf = (payloads: Payload[]): string => JSON.stringify(payloads.map(({ metadata, data }) => [Object.values(metadata ?? {}), data].flat().map((bytes) => Buffer.from(bytes ?? '').toString('latin1'))));

describe('encryption of payloads', () => {
  it('gives back what it was given, and shows none of it', async () => {
    const codec = encryption([freshKey()]);
    const sealed = await codec.encode([payload({ email: 'alice@example.com' })]);
    expect(textOf(sealed)).not.toMatch(/alice|email/);
    expect(valueOf(await codec.decode(sealed))).toEqual({ email: 'alice@example.com' });
  });

  it('never writes the same value twice in the same way', async () => {
    const codec = encryption([freshKey()]);
    const [one, two] = await codec.encode([payload('same'), payload('same')]);
    expect(Buffer.from(one?.data ?? []).equals(Buffer.from(two?.data ?? []))).toBe(false);
  });

  it('opens what an older key closed, and closes with the newest', async () => {
    const [older, newer] = [freshKey(), freshKey()];
    const before = await encryption([older]).encode([payload('kept for 90 days')]);
    const rotated = encryption([newer, older]);
    expect(valueOf(await rotated.decode(before))).toBe('kept for 90 days');
    const after = await rotated.encode([payload('new')]);
    expect(valueOf(await encryption([newer]).decode(after))).toBe('new');
  });

  it('takes what came unencrypted, as a signal of the Temporal CLI does', async () => {
    expect(valueOf(await encryption([freshKey()]).decode([payload('plain')]))).toBe('plain');
  });

  it('names the key that is missing, and not the content', async () => {
    const sealed = await encryption([freshKey()]).encode([payload('content')]);
    await expect(encryption([freshKey()]).decode(sealed)).rejects.toThrow(/^a payload is encrypted with the key "[0-9a-f]{16}", which is none of encryption\.keys \([0-9a-f]{16}\)$/);
  });

  it.each([0, 11, 20, -1])('refuses a payload whose byte %i was changed', async (index) => {
    const codec = encryption([freshKey()]);
    const [sealed] = await codec.encode([payload('a longer value')]);
    const data = Buffer.from(sealed?.data ?? []);
    data[data.length > 0 ? (index + data.length) % data.length : 0]! ^= 1;
    await expect(codec.decode([{ ...sealed, data }])).rejects.toThrow('was changed after it was encrypted');
  });

  it('refuses a payload that was cut short', async () => {
    const codec = encryption([freshKey()]);
    const [sealed] = await codec.encode([payload('value')]);
    await expect(codec.decode([{ ...sealed, data: sealed?.data?.slice(0, 5) ?? null }])).rejects.toThrow('a payload of 5 bytes was changed');
  });
});

describe("Temporal's database", () => {
  it('has no argument, output, memo, detail or message of a failure that can be read', async () => {
    quietRuntime();
    const folder = await mkdtemp(join(tmpdir(), 'responder-payloads-'));
    const temporal = await startTemporal({ folder, database: 'file' });
    const native = await NativeConnection.connect({ address: temporal.address });
    const connection = await Connection.connect({ address: temporal.address });
    const readable = async (): Promise<Buffer> => Buffer.concat(await Promise.all((await readdir(folder)).filter((name) => name.startsWith('temporal.db')).map((name) => readFile(join(folder, name)))));
    try {
      const run = async (keys: Secret[], mark: string): Promise<string> => {
        const dataConverter = dataConverterOf(keys);
        const code = await bundle(fileURLToPath(new URL('./leaky.workflow.ts', import.meta.url)), false, { failures: dataConverter ? 'encoded' : 'plain' });
        const worker = await Worker.create({
          connection: native, taskQueue: mark, workflowBundle: { code }, ...(dataConverter && { dataConverter }),
          activities: {
            command: async () => `output-${mark}`,
            fails: async () => { throw ApplicationFailure.nonRetryable(`message-${mark}`, 'Activity', `detail-${mark}`); },
          },
        });
        const client = new Client({ connection, ...(dataConverter && { dataConverter }) });
        const failed = await worker.runUntil(client.workflow.execute(leaky, { taskQueue: mark, workflowId: `leaky-${mark}`, args: [{ email: `${mark}@example.com` }] }).then(() => undefined, (error: unknown) => error));
        return failed instanceof WorkflowFailedError ? String(failed.cause) : `it did not fail: ${String(failed)}`;
      };
      // Without keys everything is there: the search below finds what is to be found.
      await run([], 'openmark');
      for (const text of ['openmark@example.com', 'output-openmark', 'message-openmark', 'detail-openmark', 'failed on openmark']) expect((await readable()).includes(text), text).toBe(true);
      const told = await run([freshKey()], 'shutmark');
      expect(told).toContain('failed on shutmark@example.com: output-shutmark: ApplicationFailure: message-shutmark');
      for (const text of ['shutmark@example.com', 'output-shutmark', 'message-shutmark', 'detail-shutmark', 'failed on shutmark', 'memo of shutmark', 'details of shutmark']) expect((await readable()).includes(text), text).toBe(false);
    } finally {
      await connection.close();
      await native.close();
      await temporal.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
