import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import getPort from 'get-port';
import { execa } from 'execa';

import type { CertificateOptions } from '../../sandbox/authos/https.js';
import { putCertificate } from '../../sandbox/bin/lib/tls/authority.mjs';
import { login } from '../../sandbox/faults/brute-force.js';
import { startOwned, untilServing } from '../../sandbox/servers/processes.js';
import { certbotActivities } from '../../src/activities/certbot.js';
import { certificateActivities } from '../../src/activities/certificates.js';
import { firewallActivities } from '../../src/activities/firewall.js';
import type { HostCertificate } from '../../src/domain/certificate.js';
import type { Host } from '../../src/domain/inventory.js';
import type { Place } from '../../src/domain/place.js';
import { hostUnder } from '../activities/support.js';
import { openClosers } from '../support/closers.js';
import { openHostWorld } from '../support/runbook-world.js';
import { opensslAuthority } from './authority.js';
import { openFolder } from './folder.js';
import { onHost } from './scenario.js';

type Activities = ReturnType<typeof activitiesOn>;
type Files = Pick<HostCertificate, 'chainFile' | 'keyFile'>;

/** nginx behind a trusted proxy, with a deny file and a certificate, real or stood in for. */
export interface WebServer {
  readonly host: Host;
  readonly place: Place;
  readonly activities: Activities;
  readonly denyFile: string;
  readonly accessLog: string;
  readonly files: Files;
  /** `nginx …` with these arguments, on its configuration. */
  nginx(...args: string[]): Promise<{ exitCode?: number; stderr: string }>;
  /** Sends a request through the proxy for a client of this address. */
  meets(address: string): Promise<'denied' | 'let in'>;
  /** Issues a certificate into the files that nginx loads, without loading it. */
  put(options?: CertificateOptions): Promise<void>;
}

export interface WebServers {
  standIn: WebServer;
  real: WebServer;
  close(): Promise<void>;
}

// By its path: the sandbox puts its own in front of PATH.
const program = '/usr/sbin/nginx';
const domain = 'authos.test';

/** Starts both, each with a good certificate that is served. */
export async function openWebServers(): Promise<WebServers> {
  const world = await openHostWorld({ blocksBy: 'nginx' });
  try {
    const { authos } = world;
    const { host } = authos.inventory();
    await authos.https.put();
    await authos.https.reload();
    const standIn: WebServer = {
      host,
      place: { ...world.place, domain: authos.https.domain },
      activities: activitiesOn(host),
      denyFile: authos.front.denyFile,
      accessLog: authos.front.accessLog,
      files: authos.https.certificate,
      nginx: async (...args) => execa('nginx', args, { env: authos.env(), reject: false, stdin: 'ignore' }),
      meets: async (address) => ((await login(authos, address, 'nobody@authos.test', 'x')) === 403 ? 'denied' : 'let in'),
      put: (options) => authos.https.put(options),
    };
    const real = await openNginx();
    const close = async (): Promise<void> => {
      await real.close();
      await world.close();
    };
    return { standIn, real: real.server, close };
  } catch (error) {
    await world.close();
    throw error;
  }
}

function activitiesOn(host: Host) {
  const parts = { hosts: [host], shellOf: (one: Host) => onHost(one).shell };
  return { ...firewallActivities({ ...parts, ownAddresses: () => [] }), ...certificateActivities(parts), ...certbotActivities(parts) };
}

async function openNginx(): Promise<{ server: WebServer; close: () => Promise<void> }> {
  const closers = openClosers();
  const folder = await openFolder(closers);
  try {
    const [port, tlsPort] = [await getPort({ host: '127.0.0.1' }), await getPort({ host: '127.0.0.1' })];
    const paths = { conf: join(folder, 'nginx.conf'), denyFile: join(folder, 'block-ips.conf'), accessLog: join(folder, 'access.log') };
    const files: Files = { chainFile: join(folder, 'tls/fullchain.pem'), keyFile: join(folder, 'tls/privkey.pem') };
    for (const name of ['www', 'ca', 'records']) await mkdir(join(folder, name));
    await writeFile(join(folder, 'www/index.html'), 'AuthOS');
    await writeFile(paths.denyFile, '');
    await writeFile(paths.conf, confOf({ folder, ...paths, ...files, port, tlsPort }));
    const authority = await opensslAuthority(join(folder, 'ca'));
    const put: WebServer['put'] = async ({ names = [domain], ...options } = {}) => putCertificate(files, await authority.issue({ names, ...options }));
    await put();
    const command = [program, '-p', folder, '-e', 'stderr', '-c', paths.conf];
    const logFile = join(folder, 'nginx.log');
    const nginx = await startOwned({ name: 'nginx', file: program, args: [...command.slice(1), '-g', 'daemon off;'], folder, logFile });
    closers.add(() => nginx.stop());
    const ask = async (address: string) => fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-forwarded-for': address } });
    await untilServing('nginx', nginx, () => ask('192.0.2.99'));
    const [configTest, reload] = [[...command, '-t'], [...command, '-s', 'reload']];
    const host = hostUnder(folder, {
      blocking: { allow: ['198.51.100.0/24'], trustedProxies: [], accessLog: paths.accessLog, by: { nginx: { denyFile: paths.denyFile, configTest, reload } } },
      certificates: [{ domain, port: tlsPort, addresses: ['127.0.0.1'], ...files, certbot: ['certbot'], configTest, reload, trust: authority.root }],
    });
    const server: WebServer = {
      host,
      place: { name: host.name, environment: host.environment, host: host.name, hosts: [host.name], domain },
      activities: activitiesOn(host),
      ...paths,
      files,
      nginx: async (...args) => execa(program, [...command.slice(1), ...args], { reject: false, stdin: 'ignore' }),
      async meets(address) {
        const answer = await ask(address);
        await answer.arrayBuffer();
        return answer.status === 403 ? 'denied' : 'let in';
      },
      put,
    };
    return { server, close: closers.close };
  } catch (error) {
    const words = await readFile(join(folder, 'nginx.log'), 'utf8').catch(() => '');
    await closers.close();
    throw words === '' ? error : new Error(`nginx: ${words}`, { cause: error });
  }
}

function confOf({ folder, denyFile, accessLog, chainFile, keyFile, port, tlsPort }: Record<'folder' | 'denyFile' | 'accessLog' | 'chainFile' | 'keyFile', string> & { port: number; tlsPort: number }): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/tmp-${name};`);
  return `pid ${folder}/nginx.pid;
worker_processes 1;
events {}
http {
  ${temporary.join('\n  ')}
  access_log ${accessLog} combined;
  set_real_ip_from 127.0.0.1;
  real_ip_header X-Forwarded-For;
  include ${denyFile};
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${tlsPort} ssl;
    ssl_certificate ${chainFile};
    ssl_certificate_key ${keyFile};
    root ${folder}/www;
  }
}
`;
}
