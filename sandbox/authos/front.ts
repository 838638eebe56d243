import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { BlockList, isIPv6 } from 'node:net';
import { join } from 'node:path';
import { DateTime } from 'luxon';
import { letsIn } from '../bin/lib/ufw.mjs';
import type { UfwState } from '../bin/lib/ufw.mjs';

/** What stands in front of the application: a firewall with ufw's rules, and a web server with an access log and a deny file. */
export interface Front {
  readonly folder: string;
  readonly accessLog: string;
  readonly denyFile: string;
  /** How a client of this address fares: dropped by the firewall, refused by the web server, or let in. */
  meets(address: string): 'dropped' | 'denied' | 'let in';
  /** Writes a request into the access log, in the combined format. */
  write(request: { address: string; method: string; url: string; status: number }): Promise<void>;
  /** Loads the deny file, as `nginx -s reload` does. */
  reload(): Promise<void>;
  /** Turns the firewall on or off. */
  enable(active: boolean): Promise<void>;
}

/** Lays the files out: ufw active, ssh and the web let in, nobody denied. */
export async function openFront(folder: string): Promise<Front> {
  await mkdir(folder, { recursive: true });
  const ufwFile = join(folder, 'ufw.json');
  const accessLog = join(folder, 'access.log');
  const denyFile = join(folder, 'block-ips.conf');
  const anywhere = { action: 'ALLOW', from: 'Anywhere', proto: 'tcp' };
  const rules = [
    { ...anywhere, ports: '22' },
    { ...anywhere, ports: '80,443' },
  ];
  const write = (state: UfwState): Promise<void> => writeFile(ufwFile, JSON.stringify(state, null, 2));
  await write({ active: true, v4: rules, v6: rules });
  await writeFile(denyFile, '# addresses that may not get in\n');
  await writeFile(accessLog, '');
  let denied = new BlockList();
  const ufw = (): UfwState => JSON.parse(readFileSync(ufwFile, 'utf8')) as UfwState;
  return {
    folder,
    accessLog,
    denyFile,
    meets: (address) => (existsSync(ufwFile) && !letsIn(ufw(), address) ? 'dropped' : denied.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') ? 'denied' : 'let in'),
    async write({ address, method, url, status }) {
      const at = DateTime.now().toFormat('dd/LLL/yyyy:HH:mm:ss ZZZ', { locale: 'en' });
      await appendFile(accessLog, `${address} - - [${at}] "${method} ${url} HTTP/1.1" ${status} 64 "-" "sandbox"\n`);
    },
    async reload() {
      const text = await readFile(denyFile, 'utf8');
      denied = new BlockList();
      for (const [, address = '', bits] of text.matchAll(/^\s*deny\s+([^\s/;]+)(?:\/(\d+))?\s*;/gm)) {
        const family = isIPv6(address) ? 'ipv6' : 'ipv4';
        denied.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
      }
    },
    enable: (active) => write({ ...ufw(), active }),
  };
}
