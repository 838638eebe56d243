import { cp, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

import { startOwned, untilServing } from '../../sandbox/servers/processes.js';
import { openClosers } from '../support/closers.js';

/** Where the web server of the network is reached. */
const server = { v4: '192.0.2.1', v6: '2001:db8:1::1' };
const netnsFolder = '/etc/netns';

/** Two machines on a wire: a web server, with a firewall of its own, and its clients. */
export interface Network {
  /** What runs a program on the web server's machine. */
  onServer: string[];
  /** How a client of this address fares at the server's port 443. */
  meets(address: string): Promise<string>;
  close(): Promise<void>;
}

/** Makes the network from two namespaces, with clients of these addresses. The server's `/etc/ufw` is a copy of its own. */
export async function openNetwork(folder: string, clients: string[]): Promise<Network> {
  const name = `contract-${process.pid}`;
  const names = { server: `${name}-s`, client: `${name}-c` };
  const closers = openClosers();
  const ip = async (...args: string[]): Promise<unknown> => execa('ip', args, { stdin: 'ignore' });
  const script = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
  try {
    for (const namespace of Object.values(names)) {
      await ip('netns', 'add', namespace);
      closers.add(() => ip('netns', 'delete', namespace));
      await ip('-n', namespace, 'link', 'set', 'lo', 'up');
    }
    // `ip netns exec` puts what is here over /etc.
    const etc = join(netnsFolder, names.server);
    closers.add(async () => {
      await rm(etc, { recursive: true, force: true });
      await rmdir(netnsFolder).catch(() => {}); // others may have theirs
    });
    await cp('/etc/ufw', join(etc, 'ufw'), { recursive: true });
    await ip('-n', names.server, 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', names.client);
    for (const [namespace, addresses] of [[names.server, Object.values(server)], [names.client, clients]] as const) {
      for (const address of addresses) await ip('-n', namespace, 'address', 'add', address, 'dev', 'wire', ...(address.includes(':') ? ['nodad'] : []));
      await ip('-n', namespace, 'link', 'set', 'wire', 'up');
    }
    for (const address of Object.values(server)) await ip('-n', names.client, 'route', 'add', address, 'dev', 'wire');
    for (const address of clients) await ip('-n', names.server, 'route', 'add', address, 'dev', 'wire');
    const exec = (namespace: string): string[] => ['ip', 'netns', 'exec', namespace];
    const logFile = join(folder, 'listen.log');
    const listener = await startOwned({ name: 'listener', file: 'ip', args: [...exec(names.server).slice(1), process.execPath, script('listen.mjs')], folder, logFile });
    closers.add(() => listener.stop());
    await untilServing('listener', listener, async () => {
      if (!(await readFile(logFile, 'utf8')).includes('listening')) throw new Error('not yet');
    });
    return {
      onServer: exec(names.server),
      async meets(address) {
        const to = address.includes(':') ? server.v6 : server.v4;
        return (await execa('ip', [...exec(names.client).slice(1), process.execPath, script('knock.mjs'), address, to], { stdin: 'ignore' })).stdout;
      },
      close: closers.close,
    };
  } catch (error) {
    await closers.close();
    throw error;
  }
}
