import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:tls';
import type { Authos } from '../authos/authos.js';
import { alertmanagerPayload } from './alertmanager.js';
import type { Fault } from './fault.js';

const day = 86_400_000;
const ago = (days: number): Date => new Date(Date.now() - days * day);
const expiring = () => ({ notBefore: ago(87), notAfter: ago(-3) });
const force = (act: string) => (act === 'Force the renewal' ? { approve: true, reason: '' } : undefined);

/** How a certificate can be wrong, each with what cures it. */
const kinds = {
  'certificate-expiring': {
    title: 'The certificate has 3 days left',
    alertname: 'SSLCertExpiringSoon',
    bound: 30,
    async put({ https }: Authos) {
      await https.put(expiring());
      await https.reload();
    },
  },
  'certificate-not-loaded': {
    title: 'The certificate was renewed on disk, but the old one, with 3 days left, is served',
    alertname: 'SSLCertExpiringSoon',
    bound: 7,
    async put({ https }: Authos) {
      await https.put(expiring());
      await https.reload();
      await https.put();
    },
  },
  'certificate-wrong-name': {
    title: 'The certificate is for another name',
    alertname: 'SSLCertificateInvalid',
    bound: 30,
    answers: force,
    async put({ https }: Authos) {
      await https.put({ names: ['other.authos.test'] });
      await https.reload();
    },
  },
  'certificate-broken-chain': {
    title: 'The server sends its certificate without the intermediate one',
    alertname: 'SSLCertificateInvalid',
    bound: 30,
    answers: force,
    async put({ https }: Authos) {
      await https.put({ withChain: false });
      await https.reload();
    },
  },
} satisfies Record<string, Pick<Fault, 'title' | 'put' | 'answers'> & { alertname: string; bound: number }>;

export type CertificateFault = keyof typeof kinds;

/** A certificate that is about to expire, not loaded, or that no client trusts. */
export function certificate(name: CertificateFault): Fault {
  const { alertname, bound, ...kind } = kinds[name];
  return {
    ...kind,
    name,
    runbook: 'sslCertificateExpiry',
    async put(authos) {
      await kind.put(authos);
      const { over, evidence } = await examine(authos, bound);
      if (over) throw new Error(`${kind.title}: but a client is content: ${evidence}`);
    },
    alert: async (authos) =>
      alertmanagerPayload({
        labels: { alertname, severity: 'warning', instance: `https://${authos.https.domain}/login`, environment: authos.environment, job: 'blackbox' },
        annotations: { summary: `Certificate of ${authos.https.domain}`, description: kind.title },
        startsAt: new Date(),
      }),
    over: (authos) => examine(authos, bound),
  };
}

/** Connects as a client that trusts only the sandbox's authority, and counts the days. */
async function examine({ https }: Authos, bound: number): Promise<{ over: boolean; evidence: string }> {
  const { port, trust = '' } = https.certificate;
  const socket = connect({ host: '127.0.0.1', port, servername: https.domain, ca: await readFile(trust, 'utf8') });
  try {
    await once(socket, 'secureConnect');
    const days = (Date.parse(socket.getPeerCertificate().valid_to) - Date.now()) / day;
    return { over: days >= bound, evidence: `a client trusts it; ${days.toFixed(1)} days left` };
  } catch (error) {
    return { over: false, evidence: `no client trusts it: ${(error as NodeJS.ErrnoException).code ?? String(error)}` };
  } finally {
    socket.destroy();
  }
}
