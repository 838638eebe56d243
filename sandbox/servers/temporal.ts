import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { Connection } from '@temporalio/client';
import { queryByAll, searchAttributes } from '../../src/domain/search-attributes.js';
import { findBinary } from './binaries.js';
import type { Progress } from './binaries.js';
import { assertPortFree, onPort } from './ports.js';
import { startOwned, untilServing } from './processes.js';

export interface TemporalOptions {
  /** Holds `temporal.db` (with `database: 'file'`) and `temporal.log`; made if missing. */
  folder: string;
  /** A free one without it. */
  port?: number;
  /** Without it there is no web UI. */
  uiPort?: number;
  database: 'file' | 'memory';
  /** Aborts the start, and stops the server later on. */
  signal?: AbortSignal;
  onProgress?: Progress;
}

export interface TemporalServer {
  /** `127.0.0.1:<port>`, for gRPC. */
  readonly address: string;
  /** URL of the web UI, if there is one. */
  readonly uiAddress: string | undefined;
  readonly namespace: string;
  readonly pid: number;
  /** Resolves once it is gone; a repeat is safe. */
  stop(): Promise<void>;
}

const namespace = 'default';

/** The one history shard of a dev server reads its tasks 20 times a second unless told otherwise: 22 pages a second became 44. */
const fasterTasks = ['history.transferProcessorMaxPollRPS=2000', 'history.timerProcessorMaxPollRPS=2000'];

/** As fast as memory. It survives a killed process; a power cut may lose the last moments, so this is not for production. */
const fastCommits = ['journal_mode=WAL', 'synchronous=NORMAL'];

const cliTypes: Record<string, string> = { KEYWORD: 'Keyword', INT: 'Int', DATETIME: 'Datetime' };

/**
 * Starts a Temporal dev server with our search attributes and resolves when it answers a query by them. It ends with this
 * process. Throws an error that names a taken port, or holds the server's last words if it does not serve within 20 s.
 */
export async function startTemporal({ folder, port, uiPort, database, signal, onProgress }: TemporalOptions): Promise<TemporalServer> {
  await mkdir(folder, { recursive: true });
  const file = await findBinary('temporal', { onProgress });
  return onPort(port, 'Temporal', async (chosen) => {
    if (uiPort !== undefined) await assertPortFree(uiPort, "Temporal's web UI");
    const args = [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', `${chosen}`, '--namespace', namespace],
      ...['--log-level', 'warn', '--log-format', 'json'],
      ...(uiPort === undefined ? ['--headless'] : ['--ui-port', `${uiPort}`]),
      ...(database === 'file' ? ['--db-filename', join(folder, 'temporal.db'), ...repeated('--sqlite-pragma', fastCommits)] : []),
      ...repeated('--dynamic-config-value', fasterTasks),
      ...repeated('--search-attribute', Object.values(searchAttributes).map(({ name, type }) => `${name}=${cliTypes[type]}`)),
    ];
    // HOME: a user's own temporal.yaml must not redirect this server's command line.
    const child = await startOwned({ name: 'Temporal', file, args, folder, logFile: join(folder, 'temporal.log'), env: { HOME: folder } });
    const address = `127.0.0.1:${chosen}`;
    await untilServing('Temporal', child, () => answersQueries(address), signal);
    signal?.addEventListener('abort', () => void child.stop(), { once: true });
    const uiAddress = uiPort === undefined ? undefined : `http://127.0.0.1:${uiPort}`;
    return { address, uiAddress, namespace, pid: child.pid, stop: () => child.stop() };
  });
}

/** A query by our attributes: health alone comes before the namespace and the attributes are known everywhere. */
async function answersQueries(address: string): Promise<void> {
  const deadline = Date.now() + 2_000;
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    await connection.withDeadline(deadline, async () => {
      await connection.healthService.check({ service: 'temporal.api.workflowservice.v1.WorkflowService' });
      await connection.workflowService.listWorkflowExecutions({ namespace, query: queryByAll, pageSize: 1 });
    });
  } finally {
    await connection.close();
  }
}

function repeated(flag: string, values: string[]): string[] {
  return values.flatMap((value) => [flag, value]);
}
