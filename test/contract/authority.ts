import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

import type { CertificateOptions } from '../../sandbox/authos/https.js';

const day = 86_400_000;

/** A certificate authority made by openssl: a root to trust, and an intermediate that signs. */
export interface Authority {
  root: string;
  issue(options: Required<Pick<CertificateOptions, 'names'>> & CertificateOptions): Promise<{ chain: string; key: string }>;
}

const config = `
[ca]
default_ca = intermediate
[intermediate]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = none
prompt = no
[none]
`;

/** Makes root and intermediate in an empty folder. Throws openssl's words. */
export async function opensslAuthority(folder: string): Promise<Authority> {
  const openssl = async (...args: string[]): Promise<unknown> => execa('openssl', args, { cwd: folder, stdin: 'ignore' });
  const path = (name: string): string => join(folder, name);
  const request = (name: string, subject: string): Promise<unknown> =>
    openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-config', 'ca.cnf', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
  await writeFile(path('ca.cnf'), config);
  await writeFile(path('index.txt'), '');
  await writeFile(path('ca.ext'), 'basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n');
  await request('root', '/CN=OpenSSL Root');
  await openssl('x509', '-req', '-in', 'root.csr', '-signkey', 'root.key', '-days', '3650', '-extfile', 'ca.ext', '-out', 'root.pem');
  await request('intermediate', '/CN=OpenSSL Intermediate');
  await openssl('x509', '-req', '-in', 'intermediate.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial', '-days', '3650', '-extfile', 'ca.ext', '-out', 'intermediate.pem');

  return {
    root: path('root.pem'),
    async issue({ names, notBefore = new Date(Date.now() - 3_600_000), notAfter = new Date(Date.now() + 90 * day), withChain = true }) {
      await request('leaf', `/CN=${names[0]}`);
      await writeFile(path('leaf.ext'), `subjectAltName = ${names.map((name) => `DNS:${name}`).join(',')}\nextendedKeyUsage = serverAuth\n`);
      const dates = ['-startdate', stamp(notBefore), '-enddate', stamp(notAfter)];
      await openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', '-cert', 'intermediate.pem', '-keyfile', 'intermediate.key', '-in', 'leaf.csr', '-extfile', 'leaf.ext', ...dates, '-out', 'leaf.pem');
      const [leaf, intermediate, key] = await Promise.all(['leaf.pem', 'intermediate.pem', 'leaf.key'].map((name) => readFile(path(name), 'utf8')));
      return { chain: `${leaf}${withChain ? intermediate : ''}`, key: key ?? '' };
    },
  };
}

/** As openssl takes a moment: `20260127213845Z`. */
function stamp(moment: Date): string {
  return `${moment.toISOString().slice(0, 19).replace(/\D/g, '')}Z`;
}
