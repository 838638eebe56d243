import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onPort } from './ports.js';
import { startOwned, untilServing } from './processes.js';

/** Starts Temporal's time-skipping server once, because it has no `--version`. Throws its last words if it does not listen. */
export async function testServerStarts(file: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'test-server-'));
  try {
    await onPort(undefined, "Temporal's test server", async (port) => {
      const name = "Temporal's test server";
      const child = await startOwned({ name, file, args: [`${port}`], folder, logFile: join(folder, 'log') });
      await untilServing(name, child, async () => {
        const socket = connect(port, '127.0.0.1');
        await once(socket, 'connect').finally(() => socket.destroy());
      });
      await child.stop();
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
