import { createServer } from 'node:net';
import getPort from 'get-port';
import { StartFailed } from './processes.js';

/** Resolves if nothing listens on 127.0.0.1:port; throws an error that names the port if something does. */
export async function assertPortFree(port: number, what: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (cause) => reject(new Error(`Port ${port} is taken: ${what} cannot listen there`, { cause })));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve()));
  });
}

/**
 * Runs `start` on the given port, or on a free one. Between finding a port and listening on it another process may take it
 * (and Temporal picks more ports of its own), so a start that fails for that reason is tried again, three times in all.
 * A given port that is taken is an error at once.
 */
export async function onPort<Server>(given: number | undefined, what: string, start: (port: number) => Promise<Server>): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    const port = given ?? (await getPort({ host: '127.0.0.1' }));
    if (given !== undefined) await assertPortFree(given, what);
    try {
      return await start(port);
    } catch (error) {
      const raced = error instanceof StartFailed && /address already in use/i.test(error.message);
      if (!raced || attempt === 3) throw error;
    }
  }
}
