import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findBinary } from './binaries.js';
import type { Progress } from './binaries.js';
import { assertPortFree, onPort } from './ports.js';
import { startOwned, untilServing } from './processes.js';

export interface ValkeyOptions {
  /** Holds `valkey.conf` and `valkey.log`; made if missing. */
  folder: string;
  port?: number;
  password?: string;
  /** As Valkey writes it: `64mb`. */
  maxMemory?: string;
  /** More lines of valkey.conf: `{ 'maxmemory-policy': 'allkeys-lru' }`. */
  settings?: Record<string, string>;
  /** Another server that speaks Redis; default: see `findBinary`. */
  binary?: string;
  signal?: AbortSignal;
  onProgress?: Progress;
}

export interface ValkeyServer {
  /** `redis://…`, with the password if there is one. */
  readonly url: string;
  readonly port: number;
  /** Of the newest start. */
  readonly pid: number;
  /** Resolves once it is gone; a repeat is safe. */
  stop(): Promise<void>;
  /** Starts it again on the same port, running or not. What it held in memory is lost, as with AuthOS's cache. */
  restart(): Promise<void>;
}

/**
 * Starts a Valkey (it speaks Redis) on 127.0.0.1 and resolves when it answers. It keeps nothing on disk and ends with this
 * process. Throws an error that names a taken port or a setting that can't be written, or holds the server's last words.
 */
export async function startValkey(options: ValkeyOptions): Promise<ValkeyServer> {
  const { folder, password, maxMemory, settings, binary, signal, onProgress } = options;
  await mkdir(folder, { recursive: true });
  const file = binary ?? (await findBinary('valkey-server', { onProgress }));

  const start = async (port: number) => {
    const config = join(folder, 'valkey.conf');
    const lines = {
      port: `${port}`,
      bind: '127.0.0.1',
      dir: folder,
      save: '',
      ...(password === undefined ? {} : { requirepass: password }),
      ...(maxMemory === undefined ? {} : { maxmemory: maxMemory }),
      ...settings,
    };
    // A file and not arguments: `ps` would show the password to everyone.
    await writeFile(config, Object.entries(lines).map(([key, value]) => `${key} ${quoted(key, value)}\n`).join(''), { mode: 0o600 });
    await chmod(config, 0o600);
    const child = await startOwned({ name: 'Valkey', file, args: [config], folder, logFile: join(folder, 'valkey.log') });
    await untilServing('Valkey', child, () => answersPing(port, password), signal);
    return { port, child };
  };

  let { port, child } = await onPort(options.port, 'Valkey', start);
  const server: ValkeyServer = {
    url: `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid;
    },
    stop: () => child.stop(),
    async restart() {
      await child.stop();
      await assertPortFree(port, 'Valkey');
      ({ port, child } = await start(port));
    },
  };
  signal?.addEventListener('abort', () => void server.stop(), { once: true });
  return server;
}

async function answersPing(port: number, password: string | undefined): Promise<void> {
  const client = new Redis({ host: '127.0.0.1', port, password, lazyConnect: true, retryStrategy: () => null, connectTimeout: 2_000 });
  client.on('error', () => {}); // the rejected promise below says the same
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}

/** A value as valkey.conf reads it. A line break would be a second setting. */
function quoted(key: string, value: string): string {
  if (/[\x00-\x1f]/.test(value)) throw new Error(`Valkey setting ${key} may not hold control characters`);
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
