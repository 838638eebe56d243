import type { HostCertificate } from '../domain/certificate.js';
import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { certificateOf, certificateOn, lasts, readCertificate, readCertificateFile } from './certificate-reading.js';
import type { CertificateState } from './certificate-reading.js';
import { hostMisconfigured, hostNamed } from './known-hosts.js';
import { commandsWords } from './shell.js';
import type { Shell } from './shell.js';
import { soon } from './soon.js';
import { certificateText, handshakes } from './tls.js';
import { fitted } from './wording.js';

/** How a renewal ended, for what may follow: never a forced one after a failed validation. */
export interface Renewal extends ActResult {
  end: 'renewed' | 'not due' | 'failed' | 'not managed';
}

/** Activities that renew a certificate through certbot and have the web server load it. */
export function certbotActivities({ hosts, shellOf }: { hosts: readonly Host[]; shellOf: (host: Host) => Shell }) {
  function at(place: Place): { shell: Shell; certificate: HostCertificate } {
    const host = hostNamed(hosts, place.host);
    return { shell: shellOf(host), certificate: certificateOf(host, place) };
  }

  /** One host of several need not serve the domain. */
  function notHere(place: Place): ActResult | undefined {
    const there = certificateOn(hostNamed(hosts, place.host), place);
    return there === undefined ? { outcome: 'refused', evidence: `the config has no certificate of ${place.domain ?? 'a domain'} on ${place.host}` } : undefined;
  }

  async function run(shell: Shell, command: string[], args: string[], timeoutMs: number) {
    const [program, ...before] = command;
    if (program === undefined) throw hostMisconfigured('an empty command in the config of a certificate');
    return shell.run(program, [...before, ...args], { timeoutMs });
  }

  return {
    /**
     * `certbot renew` of this one certificate. Whether it was renewed is read from the file, not from certbot's words. Not due is
     * 'refused'; anything else that leaves the file as it was is 'failed', and pages early. A repeat is safe: with `force`, which counts against the
     * authority's limits, nothing is renewed where the file is in order by now, and that is 'done'.
     */
    async renewCertificate({ place, force }: { place: Place; force: boolean }): Promise<Renewal> {
      const elsewhere = notHere(place);
      if (elsewhere) return { ...elsewhere, end: 'not managed' };
      const { shell, certificate } = at(place);
      const { certbotName } = certificate;
      if (certbotName === undefined) return { outcome: 'refused', end: 'not managed', evidence: `certbot does not manage ${certificate.domain} on ${place.host}` };
      const before = await readCertificateFile(certificate, certificate);
      if (force && before.facts && lasts(before)) return { outcome: 'done', end: 'renewed', evidence: fitted(`renewed before, and not forced again: ${certificateText(before.facts, certificate.domain)}`) };
      const args = ['renew', '--cert-name', certbotName, '--non-interactive', '--no-random-sleep-on-renew', ...(force ? ['--force-renewal'] : [])];
      const result = await run(shell, certificate.certbot, args, 8 * 60_000);
      const file = result.file === undefined ? {} : { file: result.file };
      const after = await readCertificateFile(certificate, certificate);
      if (after.facts !== undefined && after.facts.fingerprint !== before.facts?.fingerprint) {
        return { outcome: 'done', end: 'renewed', evidence: fitted(`renewed: ${certificateText(after.facts, certificate.domain)}`), ...file };
      }
      const words = `${result.stdout}\n${result.stderr}`;
      if (result.exitCode === 0 && /not (?:yet )?due for renewal/i.test(words)) {
        return { outcome: 'refused', end: 'not due', evidence: `certbot says that ${certbotName} is not due for renewal`, ...file };
      }
      const said = result.exitCode === 0 ? 'certbot renew exited 0, but the file is as it was' : commandsWords('certbot renew', result);
      return { outcome: 'failed', end: 'failed', evidence: fitted(said), pageEarly: `the renewal of ${certificate.domain} failed`, ...file };
    },

    /**
     * Tests the web server's configuration, reloads it, and looks whether it serves the certificate of the file then. Not
     * reloaded if the test fails: a server that can't load its configuration goes on with the old one until it is restarted,
     * and then not at all. A repeat is safe.
     */
    async reloadWebServer({ place }: { place: Place }): Promise<ActResult> {
      const elsewhere = notHere(place);
      if (elsewhere) return elsewhere;
      const { shell, certificate } = at(place);
      const test = await run(shell, certificate.configTest, [], 60_000);
      if (test.exitCode !== 0) return { outcome: 'failed', evidence: fitted(`not reloaded: ${commandsWords(certificate.configTest.join(' '), test)}`) };
      const result = await run(shell, certificate.reload, [], 60_000);
      const words = certificate.reload.join(' ');
      if (result.exitCode !== 0) return { outcome: 'failed', evidence: fitted(commandsWords(words, result)) };
      const { file, served, fileIsServed } = await readCertificateSoon(certificate);
      if (fileIsServed) return { outcome: 'done', evidence: `${words}; what is served is the certificate of the file` };
      // Other addresses may be other hosts', which are reloaded in their turn.
      const some = served.some((one) => one.certificate?.fingerprint === file.facts?.fingerprint);
      return { outcome: some ? 'done' : 'failed', evidence: fitted(`${words}; ${some ? 'not every address serves' : 'but no address serves'} the certificate of the file`) };
    },

    /** R2: `certbot certificates`, and whether what is served is what the file holds. Only reads. */
    async verifyRenewal({ place }: { place: Place }): Promise<ActResult> {
      const { shell, certificate } = at(place);
      const lines: string[] = [];
      let asked = true;
      if (certificate.certbotName !== undefined) {
        const result = await run(shell, certificate.certbot, ['certificates', '--cert-name', certificate.certbotName], 60_000);
        asked = result.exitCode === 0;
        lines.push(asked ? result.stdout.replace(/^[\s-]+$/gm, '').replace(/\n{2,}/g, '\n').trim() : commandsWords('certbot certificates', result));
      }
      const file = await readCertificateFile(certificate, certificate);
      const served = (await handshakes(certificate)).filter(({ outOfReach }) => outOfReach !== true);
      const serials = served.map((one) => `${one.address} serves serial ${one.certificate?.serial ?? 'none'}`);
      const isServed = file.facts !== undefined && served.length > 0 && served.every((one) => one.certificate?.fingerprint === file.facts?.fingerprint);
      lines.unshift(`the file has serial ${file.facts?.serial ?? 'none'}; ${serials.join('; ')}`);
      return { outcome: asked && isServed ? 'done' : 'failed', evidence: fitted(lines.join('\n')) };
    },
  };
}

/** A web server takes a reload as a signal, and serves the old certificate for a moment after the command has ended. */
async function readCertificateSoon(certificate: HostCertificate): Promise<CertificateState> {
  return soon(() => readCertificate(certificate), ({ fileIsServed }) => fileIsServed, { again: 12, everyMs: 250 });
}

export type CertbotActivities = ReturnType<typeof certbotActivities>;
