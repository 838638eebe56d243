import { constants } from 'node:fs';
import { open, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import type { HostCertificate } from '../domain/certificate.js';
import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { certificateOf, lasts, readCertificateFile } from './certificate-reading.js';
import type { CertificateFile } from './certificate-reading.js';
import type { CertbotActivities } from './certbot.js';
import { keepCopy, placeFile } from './key-files.js';
import { badInput, hostNamed } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import { certificateText } from './tls.js';
import { fitted } from './wording.js';

/** Copies of chain and key in the archive, by name, and the certificate that will take their place: all that an undo needs. */
export interface CertificateCopies {
  chain: string;
  key: string;
  /** Fingerprint of the certificate put in place. */
  ours: string;
}

/** Where the copies lie in the archive. */
const below = 'certificates';

/** Activities that put files in place which somebody laid ready by hand, checked before they are taken. */
export function certificateFileActivities({ hosts, certbot }: { hosts: readonly Host[]; certbot: Pick<CertbotActivities, 'reloadWebServer'> }) {
  function at(place: Place): { host: Host; certificate: HostCertificate } {
    const host = hostNamed(hosts, place.host);
    return { host, certificate: certificateOf(host, place) };
  }

  return {
    /** Whether files lie ready that are better than those in place: key and names fit, chain complete, not about to expire. Unknown does not hold. */
    async replacementIsReady({ place }: { place: Place }): Promise<Condition> {
      const { certificate } = at(place);
      return (await ready(certificate)).condition;
    },

    /** Keeps copies of chain and key in the archive, 0600, for the undo. Throws if it can't: then they are not replaced. A repeat is safe. */
    async backUpCertificate({ place }: { place: Place }): Promise<CertificateCopies> {
      const { host, certificate } = at(place);
      const { source, condition } = await ready(certificate);
      if (source.facts === undefined) throw new Error(condition.why);
      const [chain, key] = await Promise.all([kept(host, certificate.chainFile), kept(host, certificate.keyFile)]);
      return { chain, key, ours: source.facts.fingerprint };
    },

    /**
     * Puts the files that lie ready in place, each whole, owner and group kept, the key with mode 600. Looks again right before.
     * Whether the web server takes them is for its reload to say. A repeat is refused: they are in place.
     */
    async replaceCertificateFiles({ place }: { place: Place }): Promise<ActResult> {
      const { certificate } = at(place);
      const { source, condition } = await ready(certificate);
      if (!condition.holds || certificate.manual === undefined) return { outcome: 'refused', evidence: condition.why };
      const [chain, key] = await Promise.all([readFile(certificate.manual.chainFile, 'utf8'), readFile(certificate.manual.keyFile, 'utf8')]);
      await replace(certificate.keyFile, key, 0o600);
      await replace(certificate.chainFile, chain);
      return readBack(certificate, source.facts?.fingerprint, 'put in place');
    },

    /** The undo: writes the kept chain and key back and reloads, if what is in place is still ours; else 'done', with nothing to do. A repeat is safe. */
    async restoreCertificateFiles({ place, copies }: { place: Place; copies: CertificateCopies }): Promise<ActResult> {
      const { host, certificate } = at(place);
      const now = await readCertificateFile(certificate, certificate);
      if (now.facts?.fingerprint !== copies.ours) return { outcome: 'done', evidence: `nothing to take back: ${certificate.chainFile} is not the one that was put there` };
      const [chain, key] = await Promise.all([copyOf(host, copies.chain), copyOf(host, copies.key)]);
      await replace(certificate.keyFile, key, 0o600);
      await replace(certificate.chainFile, chain);
      const back = await readBack(certificate, undefined, 'written back');
      const reloaded = await certbot.reloadWebServer({ place });
      return { outcome: back.outcome === 'done' ? reloaded.outcome : back.outcome, evidence: fitted(`${back.evidence}\n${reloaded.evidence}`) };
    },
  };
}

async function ready(certificate: HostCertificate): Promise<{ source: CertificateFile; condition: Condition }> {
  const { manual, domain } = certificate;
  if (manual === undefined) return { source: { damage: [], unknown: [] }, condition: { holds: false, why: `no place for new files of ${domain} is configured (certificates.manual)` } };
  const [source, current] = await Promise.all([readCertificateFile(certificate, manual), readCertificateFile(certificate, certificate)]);
  const problems = [...source.damage, ...source.unknown, ...(source.damage.length === 0 && source.facts !== undefined && !lasts(source) ? ['it is about to expire'] : [])];
  if (source.facts === undefined || problems.length > 0) return { source, condition: { holds: false, why: `${manual.chainFile}: ${problems.join('; ')}` } };
  if (source.facts.fingerprint === current.facts?.fingerprint) return { source, condition: { holds: false, why: `${manual.chainFile} is in place` } };
  if (lasts(current) && current.facts && current.facts.notAfter >= source.facts.notAfter) return { source, condition: { holds: false, why: 'the certificate in place is in order, and lasts longer' } };
  return { source, condition: { holds: true, why: `${manual.chainFile}: ${certificateText(source.facts, domain)}` } };
}

async function kept(host: Host, path: string): Promise<string> {
  const copy = await keepCopy(host, below, basename(path), await readFile(path, 'utf8'));
  if ('refused' in copy) throw new Error(`${path} not replaced, since it can't be kept: ${copy.refused}`);
  return basename(copy.kept);
}

async function copyOf(host: Host, name: string): Promise<string> {
  // The name comes back from history: it must not lead out of the folder.
  if (!/^[A-Za-z0-9][\w.-]{0,200}$/.test(name)) throw badInput(`no copy of a certificate: ${JSON.stringify(name)}`);
  const file = await open(join(host.archive, below, name), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** Writes over a file, owner and group kept; links are followed first, so that one to `archive/` stays a link. */
async function replace(path: string, text: string, mode?: number): Promise<void> {
  const real = await realpath(path);
  const { uid, gid, mode: old } = await stat(real);
  await placeFile(dirname(real), { name: basename(real), text, mode: mode ?? old & 0o777, owner: { uid, gid }, over: true });
}

async function readBack(certificate: HostCertificate, wanted: string | undefined, what: string): Promise<ActResult> {
  const { facts, damage } = await readCertificateFile(certificate, certificate);
  const isIt = facts !== undefined && (wanted === undefined || facts.fingerprint === wanted);
  const text = facts === undefined ? damage.join('; ') : certificateText(facts, certificate.domain);
  return { outcome: isIt ? 'done' : 'failed', evidence: fitted(`${what}: ${text}`) };
}

export type CertificateFileActivities = ReturnType<typeof certificateFileActivities>;
