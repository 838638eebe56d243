import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';
import { connect, rootCertificates } from 'node:tls';
import { Context } from '@temporalio/activity';

import { daysLeft } from '../domain/certificate.js';
import type { HostCertificate, Validity } from '../domain/certificate.js';

/** A certificate for people and conditions: no PEM. Times in ms since the epoch. */
export interface CertificateFacts extends Validity {
  subject: string;
  issuer: string;
  serial: string;
  /** SHA-256 of the certificate, hexadecimal with colons. */
  fingerprint: string;
  /** Whether it is for the domain. */
  coversDomain: boolean;
}

/** What one address serves for the domain. */
export interface Served {
  address: string;
  certificate?: CertificateFacts;
  /** Whether the chain that it sends leads to something that clients trust; expiry and name are judged apart. */
  trusted: boolean;
  /** There is no way to this address from here, so it says nothing: an IPv6 address on a host that has none. */
  outOfReach?: boolean;
  /** Why it is not trusted, or why there was no handshake at all. */
  problem?: string;
}

/** No web server needs this long for a handshake. */
const handshakeMs = 10_000;
/** What a name may have; more is no web server of ours. */
const mostAddresses = 16;

/** What OpenSSL and Node say of a certificate that is wrong in another way than its chain: judged by day and name instead. */
const notTheChain = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH'];

/** No route or no address family: nothing that the web server could do about. */
const noWay = ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'];

/** A handshake with SNI at every address of the name, side by side. Throws, and is retried, if the name has no address. */
export async function handshakes(certificate: Pick<HostCertificate, 'domain' | 'port' | 'addresses' | 'trust'>): Promise<Served[]> {
  const { domain, addresses } = certificate;
  const found = addresses.length > 0 ? addresses : (await lookup(domain, { all: true, verbatim: true })).map(({ address }) => address);
  const ca = await trustOf(certificate);
  return Promise.all([...new Set(found)].slice(0, mostAddresses).map((address) => handshake(address, certificate, ca)));
}

/** Public CAs, and the private ones that the config names. Throws if their file can't be read. */
export async function trustOf({ trust }: Pick<HostCertificate, 'trust'>): Promise<string[]> {
  return trust === undefined ? [...rootCertificates] : [...rootCertificates, await readFile(trust, 'utf8')];
}

async function handshake(address: string, { domain, port }: Pick<HostCertificate, 'domain' | 'port'>, ca: string[]): Promise<Served> {
  const { cancellationSignal } = Context.current();
  return new Promise((resolve) => {
    const nothing = (problem: string): Served => ({ address, trusted: false, problem, ...(noWay.includes(problem) ? { outOfReach: true } : {}) });
    // It is looked at even if it is not trusted: that is the finding. Nothing is sent.
    const socket = connect({ host: address, port, servername: domain, ca, rejectUnauthorized: false, timeout: handshakeMs });
    const end = (served: Served): void => {
      cancellationSignal.removeEventListener('abort', cancelled);
      socket.destroy();
      resolve(served);
    };
    const cancelled = (): void => end(nothing('cancelled'));
    cancellationSignal.addEventListener('abort', cancelled, { once: true });
    socket.once('timeout', () => end(nothing(`no handshake within ${handshakeMs / 1000} s`)));
    socket.once('error', (error: NodeJS.ErrnoException) => end(nothing(error.code ?? error.message)));
    socket.once('secureConnect', () => {
      const { raw } = socket.getPeerCertificate() as { raw?: Buffer };
      if (raw === undefined) return end(nothing('it sent no certificate'));
      const leaf = new X509Certificate(raw);
      const reason = socket.authorized ? undefined : codeOf(socket.authorizationError);
      const trusted = reason === undefined || notTheChain.includes(reason);
      end({ address, certificate: factsOf(leaf, domain), trusted, ...(trusted ? {} : { problem: reason ?? 'not trusted' }) });
    });
  });
}

// Node declares an Error; it gives OpenSSL's code as a string.
function codeOf(error: unknown): string | undefined {
  if (typeof error === 'string') return error;
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : undefined;
}

/** What a certificate says, seen from the domain it should be for. */
export function factsOf(certificate: X509Certificate, domain: string): CertificateFacts {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serial: certificate.serialNumber,
    fingerprint: certificate.fingerprint256,
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    coversDomain: certificate.checkHost(domain) !== undefined,
  };
}

// Whoever made the certificate chose these words.
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ', ').slice(0, 200);
}

/** The certificates of a PEM file, leaf first. Throws if there are none, or if one can't be read. */
export function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('no certificate in it');
  return blocks.map((block) => new X509Certificate(block));
}

/** One certificate in a line for people. */
export function certificateText(certificate: CertificateFacts, domain: string, now = Date.now()): string {
  const days = daysLeft(certificate, now);
  const validity = days < 0 ? `expired ${(-days).toFixed(1)} days ago` : `${days.toFixed(1)} days left`;
  const until = new Date(certificate.notAfter).toISOString().slice(0, 16).replace('T', ' ');
  return `${certificate.subject}, serial ${certificate.serial.slice(0, 12)}…, ${validity} (until ${until} UTC), by ${certificate.issuer}${certificate.coversDomain ? '' : `, not for ${domain}`}`;
}

/** What one address serves, in a line. */
export function servedText(served: Served, domain: string): string {
  const { address, certificate, problem } = served;
  if (certificate === undefined) return `${address}: no handshake: ${problem ?? 'no answer'}`;
  return `${address}: ${certificateText(certificate, domain)}; ${served.trusted ? 'chain trusted' : `chain not trusted: ${problem ?? ''}`}`;
}
