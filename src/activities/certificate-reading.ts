import { createPrivateKey } from 'node:crypto';
import type { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

import { daysLeft, renewedDays } from '../domain/certificate.js';
import type { HostCertificate } from '../domain/certificate.js';
import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import { hostMisconfigured } from './known-hosts.js';
import { certificatesIn, factsOf, handshakes, trustOf } from './tls.js';
import type { CertificateFacts, Served } from './tls.js';

/** A chain and its key on disk, judged for a domain. Holds no key. */
export interface CertificateFile {
  facts?: CertificateFacts;
  /** What is damaged or wrong in the files; near expiry is not. Empty: they can be served. */
  damage: string[];
  /** Why something could not be looked at; then nobody knows whether it is damaged. */
  unknown: string[];
}

/** How a domain's certificate is, on disk and as it is served. */
export interface CertificateState {
  file: CertificateFile;
  served: Served[];
  /** Every address that can be reached serves the certificate of the file. */
  fileIsServed: boolean;
  /** The file is in order and begins later than what some address serves: a reload cures that. */
  fileIsNewer: boolean;
  /** Some address serves a certificate of another issuer: not this host's, so nothing that this host does can cure it. */
  foreignIssuer?: string;
}

/** The certificate that the config describes for the place's domain on a host. Throws `HostMisconfigured`, not retried, without one. */
export function certificateOf(host: Host, place: Place): HostCertificate {
  if (place.domain === undefined) throw hostMisconfigured(`place ${JSON.stringify(place.name)} names no domain`);
  const found = certificateOn(host, place);
  if (found === undefined) throw hostMisconfigured(`hosts.${host.name}.certificates has no domain ${place.domain}`);
  return found;
}

/** The same, undefined where the host does not serve the domain: another host of its environment does. */
export function certificateOn(host: Host, { domain: wanted }: Place): HostCertificate | undefined {
  return host.certificates?.find(({ domain }) => domain === wanted);
}

/** Reads the files and looks at what is served. Throws, and is retried, if the name has no address. */
export async function readCertificate(certificate: HostCertificate): Promise<CertificateState> {
  const [file, served] = await Promise.all([readCertificateFile(certificate, certificate), handshakes(certificate)]);
  const here = served.filter(({ outOfReach }) => outOfReach !== true);
  const others = here.filter((one) => one.certificate !== undefined && one.certificate.fingerprint !== file.facts?.fingerprint);
  const foreign = others.find((one) => file.facts !== undefined && one.certificate !== undefined && ownerOfIssuer(one.certificate) !== ownerOfIssuer(file.facts));
  const isOlder = others.some((one) => (one.certificate?.notBefore ?? 0) < (file.facts?.notBefore ?? 0));
  return {
    file,
    served,
    fileIsServed: here.length > 0 && here.every((one) => one.certificate?.fingerprint === file.facts?.fingerprint && file.facts !== undefined),
    fileIsNewer: isOlder && file.damage.length === 0 && file.unknown.length === 0,
    ...(foreign?.certificate === undefined ? {} : { foreignIssuer: foreign.certificate.issuer }),
  };
}

/** An authority changes its intermediates now and then, and stays the same organisation. */
function ownerOfIssuer({ issuer }: CertificateFacts): string {
  return /(?:^|, )O=([^,]+)/.exec(issuer)?.[1] ?? issuer;
}

/** Whether files that are in order also last: the bound of a renewed certificate. */
export function lasts(file: CertificateFile, now = Date.now()): boolean {
  return file.facts !== undefined && file.damage.length === 0 && file.unknown.length === 0 && daysLeft(file.facts, now) >= renewedDays(file.facts);
}

/** Reads a chain and its key, and judges them for the certificate's domain and trust. Throws nothing. */
export async function readCertificateFile({ domain, trust }: HostCertificate, files: { chainFile: string; keyFile: string }): Promise<CertificateFile> {
  const { chainFile, keyFile } = files;
  const file: CertificateFile = { damage: [], unknown: [] };
  const text = await read(chainFile, file);
  if (text === undefined) return file;
  let chain: X509Certificate[];
  try {
    chain = certificatesIn(text);
  } catch {
    file.damage.push(`${chainFile} holds no certificate`);
    return file;
  }
  const [leaf] = chain as [X509Certificate];
  file.facts = factsOf(leaf, domain);
  if (!file.facts.coversDomain) file.damage.push(`it is not for ${domain}`);
  if (file.facts.notAfter < Date.now()) file.damage.push('it has expired');
  const problem = chainProblem(chain, await trustOf({ trust }).catch(() => undefined));
  if (problem) file[problem.kind].push(problem.said);
  const key = await read(keyFile, file);
  if (key === undefined) return file;
  try {
    if (!leaf.checkPrivateKey(createPrivateKey(key))) file.damage.push('its key belongs to another certificate');
  } catch {
    file.damage.push(`${keyFile} holds no private key`);
  }
  return file;
}

async function read(path: string, file: CertificateFile): Promise<string | undefined> {
  try {
    if ((await stat(path)).size > 1024 * 1024) throw Object.assign(new Error('too big'), { code: 'EFBIG' });
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EFBIG') file.damage.push(`${path} ${code === 'ENOENT' ? 'is missing' : 'is too big'}`);
    else file.unknown.push(`${path} can't be read (${code ?? 'unknown'})`);
    return undefined;
  }
}

/** Whether each certificate is signed by the next, and the last by one that clients trust. */
function chainProblem(chain: X509Certificate[], trust: string[] | undefined): { kind: 'damage' | 'unknown'; said: string } | undefined {
  if (trust === undefined) return { kind: 'unknown', said: "the CAs that clients trust can't be read" };
  const signs = (issuer: X509Certificate, one: X509Certificate): boolean => one.checkIssued(issuer) && one.verify(issuer.publicKey);
  for (const [index, one] of chain.entries()) {
    const next = chain[index + 1];
    if (next !== undefined && !signs(next, one)) return { kind: 'damage', said: `certificate ${index + 1} of its chain is not signed by the next one` };
  }
  const last = chain.at(-1) as X509Certificate;
  const isRooted = trust.some((pem) => certificatesIn(pem).some((root) => root.fingerprint256 === last.fingerprint256 || (root.subject === last.issuer && signs(root, last))));
  return isRooted ? undefined : { kind: 'damage', said: `its chain is not complete: nobody that clients trust has signed ${last.subject.replaceAll('\n', ', ')}` };
}
