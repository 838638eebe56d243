import type { CertificateLook } from '../activities/certificates.js';
import type { RunInput } from '../domain/messages.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { actOnHosts } from './on-hosts.js';
import { openRun } from './run.js';
import { act, diagnostic, type On, type Procedure, type Proof, type Scene, step } from './step.js';

const certificate = ({ domain, name, hosts }: Place): string[] => [`certificate:${domain ?? name}`, ...hosts.map((host) => `service:nginx@${host}`)];
const domainOf = ({ domain, name }: Place): string => domain ?? name;
const facts = { notDue: 'certbot says not due', reloaded: 'a reload was enough', failed: 'a renewal failed' };

const checkCertificateExpiry = diagnostic({
  title: 'Check Certificate Expiry',
  command: (place) => `a TLS handshake with SNI ${domainOf(place)} at every address of the name: days left`,
  timeout: { minutes: 1, because: 'handshakes side by side, 10 s each' },
  find: (on, { place }) => on.checkCertificateExpiry({ place }),
});

const verifyCertificateChain = diagnostic({
  title: 'Verify Certificate Chain',
  command: (place) => `a TLS handshake with SNI ${domainOf(place)} at every address of the name: chain, trust, name`,
  timeout: { minutes: 1, because: 'handshakes side by side, 10 s each' },
  find: (on, { place }) => on.verifyCertificateChain({ place }),
});

const checkCertificateFiles = diagnostic({
  title: 'Check Certificate Files',
  command: (place) => `the chain and key of ${domainOf(place)} on disk, against what is served`,
  timeout: { minutes: 1, because: 'two files and handshakes' },
  find: (on, { place }) => on.checkCertificateFiles({ place }),
});

/** What the files are now: they change from act to act. */
async function look(on: On, { place }: Scene): Promise<CertificateLook> {
  return (await on.checkCertificateFiles({ place })).data;
}

/** Reloads the web server of each host that serves the domain. */
function reload(place: Place, onHost: (host: string) => On): Promise<ActResult> {
  return actOnHosts(place.hosts, place, onHost, (on, there) => on.reloadWebServer({ place: there }));
}

async function thenReload(result: ActResult, place: Place, onHost: (host: string) => On): Promise<ActResult> {
  if (result.outcome !== 'done') return result;
  const reloaded = await reload(place, onHost);
  return { ...reloaded, evidence: `${result.evidence}\n${reloaded.evidence}`, ...(result.file === undefined ? {} : { file: result.file }) };
}

function renew(force: boolean) {
  return async (_: On, { place, facts: known }: Scene, onHost: (host: string) => On): Promise<ActResult> => {
    const result = await actOnHosts(place.hosts, place, onHost, async (on, there) => {
      const renewal = await on.renewCertificate({ place: there, force });
      if (renewal.end === 'not due') known[facts.notDue] = true;
      if (renewal.end === 'failed') known[facts.failed] = true;
      if (renewal.end === 'renewed') known[facts.reloaded] = false;
      return renewal;
    });
    return thenReload(result, place, onHost);
  };
}

const reloadCommand = 'nginx -t && systemctl reload nginx';
const renewCommand = (place: Place): string => `certbot renew --cert-name ${domainOf(place)} --non-interactive --no-random-sleep-on-renew`;
const foreign = ({ foreignIssuer }: CertificateLook): { holds: false; why: string } | undefined =>
  foreignIssuer === undefined ? undefined : { holds: false, why: `what is served is by ${foreignIssuer}, not this host's: a person's step` };

const renewLetsEncryptCertificate = step({
  title: "Renew Let's Encrypt Certificate",
  acts: [
    act({
      name: 'Load the certificate that is on disk',
      risk: 'safe', // the text renews first; where the file is newer than what is served, that cures nothing
      command: () => reloadCommand,
      when: {
        says: 'the file is in order and newer than what is served',
        async holds(on, scene) {
          const now = await look(on, scene);
          return foreign(now) ?? { holds: now.fileIsNewer, why: now.said };
        },
      },
      touches: certificate,
      timeout: { minutes: 5, because: 'two commands of a minute at most' },
      async do(_, { place, facts: known }, onHost) {
        const result = await reload(place, onHost);
        if (result.outcome === 'done') known[facts.reloaded] = true;
        return result;
      },
    }),
    act({
      name: 'Renew the certificate',
      risk: 'safe',
      command: (place) => `${renewCommand(place)}; ${reloadCommand}`,
      when: {
        says: 'certbot manages it, and the file is damaged or has less left than the smaller of 30 days and a third of its lifetime',
        async holds(on, scene) {
          const now = await look(on, scene);
          if (!now.managedByCertbot) return { holds: false, why: 'certbot does not manage it' };
          return foreign(now) ?? { holds: !now.lasts, why: now.said };
        },
      },
      touches: certificate,
      timeout: { minutes: 12, because: 'a validation over the network; certbot is ended after 8 minutes' },
      do: renew(false),
    }),
    act({
      name: 'Force the renewal',
      risk: 'disruptive', // it counts against the authority's limits
      command: (place) => `${renewCommand(place)} --force-renewal; ${reloadCommand}`,
      when: {
        says: "certbot says 'not due', and the file is damaged or wrong; never after a failed validation",
        async holds(on, scene) {
          if (scene.facts[facts.failed] === true) return { holds: false, why: 'a renewal failed' };
          if (scene.facts[facts.notDue] !== true) return { holds: false, why: "certbot did not say 'not due'" };
          const now = await look(on, scene);
          return foreign(now) ?? { holds: now.file.damage.length > 0, why: now.said };
        },
      },
      touches: certificate,
      onceAnIncident: true,
      timeout: { minutes: 12, because: 'a validation over the network; certbot is ended after 8 minutes' },
      async look(on, scene) {
        const now = await look(on, scene);
        return now.lasts && now.fileIsServed ? { outcome: 'done', evidence: now.said } : undefined;
      },
      do: renew(true),
    }),
  ],
});

const verifyRenewal = step({
  title: 'Verify Renewal',
  risk: 'observe',
  command: () => 'certbot certificates; the serial of the file against what is served',
  touches: () => [],
  timeout: { minutes: 2, because: 'one command and handshakes' },
  do: (on, { place }) => on.verifyRenewal({ place }),
});

const updateCertificateFiles = step({
  title: 'Update Certificate Files',
  risk: 'destructive',
  command: () => `cp <new chain> and <new key> over the old ones (kept in the archive); chmod 600 <key>; ${reloadCommand}`,
  when: {
    says: 'new files lie ready: the key matches, the names cover the domain, the chain is complete, it is not about to expire',
    async holds(on, { place }) {
      return on.replacementIsReady({ place });
    },
  },
  touches: (place) => [...certificate(place), `file:certificate@${place.host}`],
  undo: {
    says: 'write the old chain and key back, if the new ones are still in place, and reload',
    async entry(on, { place }) {
      const copies = await on.backUpCertificate({ place });
      return { kind: 'offered', title: `Write the old certificate of ${domainOf(place)} back`, host: place.host, activity: 'restoreCertificateFiles', argument: { place, copies }, touches: certificate(place) };
    },
  },
  timeout: { minutes: 5, because: 'two files, and two commands of a minute at most' },
  // Only on the host that the undo knows: others with files of their own have an incident of their own.
  do: async (on, { place }, onHost) => thenReload(await on.replaceCertificateFiles({ place }), { ...place, hosts: [place.host] }, onHost),
});

const testHttps = step({
  title: 'Test HTTPS',
  risk: 'observe',
  command: (place) => `curl -I https://${domainOf(place)}, at every address of the name`,
  touches: () => [],
  timeout: { minutes: 1, because: 'requests side by side, 10 s each' },
  do: (on, { place }) => on.testHttps({ place }),
});

/** Holds for all samples. A mere reload can't give more days than the file has: then the alert's own bound counts. */
const recovered: Proof = {
  says: 'every address serves a trusted certificate for the name with the smaller of 30 days and a third of its lifetime left (after a mere reload: the smaller of 7 days and a third), and answers over HTTPS',
  check: (on, { place, facts: known }, window) => on.proveCertificate({ place, bound: known[facts.reloaded] === true ? 'alarm' : 'renewed', window }),
};

/** "SSL Certificate Expiry" of RUNBOOKS.md: what it says around its steps, and the steps. */
export const sslCertificateExpiryProcedure: Procedure = {
  type: 'sslCertificateExpiry',
  title: 'SSL Certificate Expiry',
  severity: 'High',
  target: 'domain',
  triggers: ['Certificate expires in < 7 days', 'Certificate validation errors', 'HTTPS connection failures'],
  impact: ['Website inaccessible', 'API calls blocked', 'Browser security warnings', 'Loss of user trust'],
  prevention: ['Set up automatic certificate renewal', 'Monitor certificate expiry (30 days notice)', 'Test renewal process monthly', 'Use monitoring service (SSL Labs)'],
  ladder: {
    besides: [],
    told: [],
    levels: [
      { afterMinutes: 30, role: 'Infrastructure/DevOps Engineer' },
      { afterMinutes: 60, role: 'Security Team' },
    ],
  },
  diagnose: [checkCertificateExpiry, verifyCertificateChain, checkCertificateFiles],
  resolve: [renewLetsEncryptCertificate, verifyRenewal, updateCertificateFiles, testHttps],
  recovered,
};

/** SSL Certificate Expiry: docs/runbooks.md#ssl-certificate-expiry. */
export async function sslCertificateExpiry(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(...sslCertificateExpiryProcedure.diagnose);
  await run.resolveUntil(recovered, sslCertificateExpiryProcedure.resolve);
  await run.end();
}
