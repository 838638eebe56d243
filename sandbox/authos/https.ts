import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type * as Authority from '../bin/lib/tls/authority.mjs';
import type { HostCertificate } from '../../src/domain/certificate.js';

/** What a certificate of the sandbox says; the default is a good one, three months long. */
export interface CertificateOptions {
  names?: string[];
  notBefore?: Date;
  notAfter?: Date;
  /** False leaves the intermediate certificate out of the chain. */
  withChain?: boolean;
}

/** The sandbox's HTTPS: nothing listens until a certificate is served for the first time. */
export interface Https {
  readonly domain: string;
  /** How the product's config describes it. */
  readonly certificate: HostCertificate;
  /** Where a new chain and key would be put by hand. */
  readonly manual: { chainFile: string; keyFile: string };
  /** Issues a certificate into the files that certbot keeps. */
  put(options?: CertificateOptions, files?: { chainFile: string; keyFile: string }): Promise<void>;
  /** Makes certbot's validation fail with these words, or succeed again. */
  refuseRenewal(words: string | undefined): Promise<void>;
  /** Serves what is in the files: starts the listener, or loads them anew. */
  reload(): Promise<void>;
  /** SHA-256 of the certificate that a client gets at this moment. */
  served(): Promise<string>;
  close(): Promise<void>;
}

/** HTTPS of a sandbox in `folder`, in front of the application at `upstream`. Starts nothing. */
export async function openHttps({ folder, domain, port, upstream }: { folder: string; domain: string; port: number; upstream: string }): Promise<Https> {
  const live = join(folder, 'live', domain);
  const files = { chainFile: join(live, 'fullchain.pem'), keyFile: join(live, 'privkey.pem') };
  const manual = { chainFile: join(folder, 'manual/new-certificate.crt'), keyFile: join(folder, 'manual/new-private-key.key') };
  const ca = join(folder, 'ca');
  await mkdir(folder, { recursive: true });
  let server: Server | undefined;
  let made: Promise<typeof Authority> | undefined;

  // Loading the library and making keys takes a moment that most sandboxes need not wait for.
  const authority = (): Promise<typeof Authority> =>
    (made ??= (async () => {
      const module = await import('../bin/lib/tls/authority.mjs');
      await module.makeAuthority(ca);
      await lineage(undefined);
      await writeFile(join(folder, 'nginx.json'), JSON.stringify(files));
      return module;
    })());
  const lineage = (refuses: string | undefined): Promise<void> =>
    writeFile(join(folder, 'certbot.json'), JSON.stringify({ [domain]: { names: [domain], ...files, refuses } }));

  return {
    domain,
    manual,
    certificate: {
      domain,
      port,
      addresses: ['127.0.0.1'],
      ...files,
      certbotName: domain,
      certbot: ['certbot'],
      configTest: ['nginx', '-t'],
      reload: ['nginx', '-s', 'reload'],
      trust: join(ca, 'root.pem'),
    },
    async put({ names = [domain], ...options } = {}, into = files) {
      const { issue, putCertificate } = await authority();
      putCertificate(into, await issue(ca, { names, ...options }));
    },
    async refuseRenewal(words) {
      await authority();
      await lineage(words);
    },
    async reload() {
      const [cert, key] = await Promise.all([readFile(files.chainFile), readFile(files.keyFile)]);
      if (server) return server.setSecureContext({ cert, key });
      server = createServer({ cert, key }, (incoming, outgoing) => {
        const inner = request(new URL(incoming.url ?? '/', upstream), { method: incoming.method, headers: incoming.headers }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        });
        inner.on('error', () => outgoing.writeHead(502).end('Bad Gateway'));
        incoming.pipe(inner);
      });
      server.on('tlsClientError', () => {}); // a client that does not trust us hangs up
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    async served() {
      const socket = connect({ host: '127.0.0.1', port, servername: domain, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      return fingerprint256;
    },
    async close() {
      server?.closeAllConnections();
      await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    },
  };
}
