import { request } from 'node:https';
import { Context } from '@temporalio/activity';

import { alarmDays, daysLeft, renewedDays } from '../domain/certificate.js';
import type { HostCertificate } from '../domain/certificate.js';
import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding, SampleWindow, Verdict } from '../domain/step.js';
import { certificateOf, lasts, readCertificate } from './certificate-reading.js';
import type { CertificateState } from './certificate-reading.js';
import { hostNamed } from './known-hosts.js';
import { sampled } from './sampling.js';
import { certificateText, handshakes, servedText, trustOf } from './tls.js';
import type { Served } from './tls.js';
import { fitted, listed } from './wording.js';

/** The state of a domain's certificate, for conditions; with what certbot or a person could do about it. */
export interface CertificateLook extends CertificateState {
  said: string;
  /** In order, and with enough days left. */
  lasts: boolean;
  managedByCertbot: boolean;
}

/** Activities that look at a domain's certificate, on disk and as every address of the name serves it. All only read. */
export function certificateActivities({ hosts }: { hosts: readonly Host[] }) {
  const at = (place: Place): HostCertificate => certificateOf(hostNamed(hosts, place.host), place);

  return {
    /** D1: days left, at every address of the name. Throws, and is retried, if the name has no address. */
    async checkCertificateExpiry({ place }: { place: Place }): Promise<Finding<Served[]>> {
      const certificate = at(place);
      const served = await handshakes(certificate);
      const rows = served.map((one) => {
        const facts = one.certificate;
        if (facts === undefined) return servedText(one, certificate.domain);
        const days = daysLeft(facts, Date.now());
        return `${one.address}: ${days.toFixed(1)} days left, until ${new Date(facts.notAfter).toISOString()}; ${days < alarmDays(facts) ? 'below' : 'above'} the alarm's ${alarmDays(facts).toFixed(1)}`;
      });
      const least = Math.min(...served.flatMap((one) => (one.certificate ? [daysLeft(one.certificate, Date.now())] : [])));
      const head = Number.isFinite(least) ? `${least.toFixed(1)} days left` : 'no handshake anywhere';
      return { evidence: listed(`${certificate.domain}: ${head}${served.length > 1 ? `, the least of ${served.length} addresses` : ''}`, rows), data: served };
    },

    /** D2: chain, trust and name, at every address. */
    async verifyCertificateChain({ place }: { place: Place }): Promise<Finding<Served[]>> {
      const certificate = at(place);
      const served = await handshakes(certificate);
      const bad = served.filter((one) => !one.trusted || one.certificate?.coversDomain !== true);
      const head = bad.length === 0 ? 'trusted, and for this name' : bad.map((one) => (one.trusted ? `not for ${certificate.domain}` : (one.problem ?? 'not trusted'))).join(', ');
      return { evidence: listed(`${certificate.domain}: ${head}`, served.map((one) => servedText(one, certificate.domain))), data: served };
    },

    /** D3: the files against what is served. */
    async checkCertificateFiles({ place }: { place: Place }): Promise<Finding<CertificateLook>> {
      const certificate = at(place);
      const state = await readCertificate(certificate);
      const { file } = state;
      const facts = file.facts === undefined ? [] : [certificateText(file.facts, certificate.domain)];
      const lines = [
        state.fileIsServed ? 'the file is what is served' : state.fileIsNewer ? 'what is served is older than the file: the web server has not loaded it' : 'something else than the file is served',
        ...file.damage.map((damage) => `wrong: ${damage}`),
        ...file.unknown.map((unknown) => `not known: ${unknown}`),
        ...(state.foreignIssuer === undefined ? [] : [`an address serves a certificate of ${state.foreignIssuer}, which is not this host's: a person must look there`]),
        ...facts,
      ];
      return { evidence: fitted([...lines, certificate.chainFile].join('\n')), data: { ...state, said: fitted(lines.join('; '), 800), lasts: lasts(file), managedByCertbot: certificate.certbotName !== undefined } };
    },

    /** R4: an HTTPS request to every address, with its certificate checked as a client does. Any HTTP answer is one. */
    async testHttps({ place }: { place: Place }): Promise<ActResult> {
      const certificate = at(place);
      const served = (await handshakes(certificate)).filter(({ outOfReach }) => outOfReach !== true);
      const answers = await Promise.all(served.map((one) => answerOf(one.address, certificate)));
      const outcome = served.length > 0 && answers.every(({ ok }) => ok) ? 'done' : 'failed';
      return { outcome, evidence: listed(`HTTPS of ${certificate.domain} ${outcome === 'done' ? 'answers' : 'does not answer everywhere'}`, answers.map(({ said }) => said)) };
    },

    /**
     * The proof: every address that can be reached serves a trusted certificate for the domain that lasts (`renewed`: the smaller
     * of 30 days and a third of its lifetime; `alarm`: the alert's own bound), and answers over HTTPS.
     */
    async proveCertificate({ place, bound, window }: { place: Place; bound: 'renewed' | 'alarm'; window: SampleWindow }): Promise<Verdict> {
      const certificate = at(place);
      return sampled(window, async () => {
        const served = (await handshakes(certificate)).filter(({ outOfReach }) => outOfReach !== true);
        if (served.length === 0) return { kind: 'unknown', evidence: `no address of ${certificate.domain} can be reached from here` };
        const problems = served.flatMap((one) => wrong(one, certificate, bound));
        const answers = problems.length > 0 ? [] : await Promise.all(served.map((one) => answerOf(one.address, certificate)));
        problems.push(...answers.filter(({ ok }) => !ok).map(({ said }) => said));
        if (problems.length > 0) return { kind: 'not recovered', evidence: fitted(problems.join('; '), 1_000) };
        return { kind: 'recovered', evidence: fitted(served.map((one) => servedText(one, certificate.domain)).join('; '), 1_000) };
      });
    },
  };
}

function wrong(served: Served, { domain }: HostCertificate, bound: 'renewed' | 'alarm'): string[] {
  const { address, certificate, trusted, problem } = served;
  if (certificate === undefined) return [`${address}: no handshake: ${problem ?? 'no answer'}`];
  const needed = bound === 'renewed' ? renewedDays(certificate) : alarmDays(certificate);
  const days = daysLeft(certificate, Date.now());
  return [
    ...(days < needed ? [`${address}: ${days.toFixed(1)} days left, less than ${needed.toFixed(1)}`] : []),
    ...(certificate.notBefore > Date.now() ? [`${address}: not yet valid`] : []),
    ...(trusted ? [] : [`${address}: not trusted: ${problem ?? ''}`]),
    ...(certificate.coversDomain ? [] : [`${address}: not for ${domain}`]),
  ];
}

async function answerOf(address: string, certificate: HostCertificate): Promise<{ ok: boolean; said: string }> {
  const { domain, port } = certificate;
  const ca = await trustOf(certificate);
  const signal = AbortSignal.any([Context.current().cancellationSignal, AbortSignal.timeout(10_000)]);
  return new Promise((resolve) => {
    const asked = request(
      { host: address, port, servername: domain, method: 'HEAD', path: '/', headers: { host: domain }, ca, agent: false, signal },
      (answer) => {
        answer.resume();
        resolve({ ok: true, said: `${address}: HTTP ${answer.statusCode ?? 0}` });
      },
    );
    asked.once('error', (error: NodeJS.ErrnoException) => resolve({ ok: false, said: `${address}: no answer over HTTPS: ${error.code ?? error.message}` }));
    asked.end();
  });
}

export type CertificateActivities = ReturnType<typeof certificateActivities>;
