import { authos } from '../alerts/authos.js';
import { alarmDays, daysLeft, renewedDays } from '../domain/certificate.js';
import type { Host } from '../domain/inventory.js';
import type { HostReading, SiteReading } from '../domain/patrol.js';
import type { Place } from '../domain/place.js';
import type { CertificateActivities } from './certificates.js';
import { serverState } from './database-probe.js';
import type { DiskActivities } from './disk.js';
import { countErrors } from './error-rate.js';
import { type AuthosApi, readHealth } from './health-api.js';
import { hostNamed, wholeNumber } from './known-hosts.js';
import type { LoginActivities } from './login-failures.js';
import { readFigures } from './monitoring-api.js';
import { outsideText } from './outside-text.js';
import { type DatabaseOf, withDatabase } from './postgres.js';
import { queueCounts } from './queue-tables.js';
import type { Scrub } from './scrub.js';
import type { Served } from './tls.js';
import { deliveryCounts } from './webhook-tables.js';

export interface PatrolLookParts {
  hosts: readonly Host[];
  apiOf: (place: Place) => AuthosApi;
  databaseOf: DatabaseOf;
  disk: Pick<DiskActivities, 'diskState'>;
  certificates: Pick<CertificateActivities, 'checkCertificateExpiry'>;
  logins: Pick<LoginActivities, 'countLogins'>;
  scrub: Scrub;
}

const day = 86_400_000;
/** Of each list; the thresholds need fewer. */
const mostListed = 20;

/** What the patrol reads on a host, by the same means as the runbooks. Changes nothing but the probe file of a disk; a repeat is safe. */
export function patrolLookActivities({ hosts, apiOf, databaseOf, disk, certificates, logins, scrub }: PatrolLookParts) {
  /** Each part by itself, one after the other, so that a host in trouble has no more of it: what fails is named and nothing else is lost. */
  function collector() {
    const unknown: Record<string, string> = {};
    const tried = async (name: string, read: () => Promise<void>): Promise<void> => {
      try {
        await read();
      } catch (error) {
        if ((error as Error).name === 'CancelledFailure') throw error;
        unknown[name] = outsideText(error instanceof Error ? error.message : String(error), scrub, 200);
      }
    };
    return { unknown, tried };
  }

  return {
    /** What is this host's own: its disks, certificates, failed logins and errors. `minute` is one in ms; a drill has shorter ones. */
    async patrolHost({ place, mounts, domains, minute }: { place: Place; mounts: string[]; domains: string[]; minute: number }): Promise<HostReading> {
      wholeNumber('minute', minute, { min: 1, max: 3_600_000 });
      const host = hostNamed(hosts, place.host);
      const { unknown, tried } = collector();
      const reading: HostReading = { host: host.name, disks: {}, certificates: {}, unknown };
      for (const mount of mounts) {
        await tried(`disk ${mount}`, async () => {
          const { usedPercent, writable } = await disk.diskState({ place: { ...place, mount } });
          reading.disks[mount] = { usedPercent, writable };
        });
      }
      for (const domain of domains) {
        await tried(`certificate ${domain}`, async () => {
          reading.certificates[domain] = certificateOf((await certificates.checkCertificateExpiry({ place: { ...place, domain } })).data, domain);
        });
      }
      await tried('logins', async () => {
        const { addresses, accounts, last } = await logins.countLogins({ place, hour: 60 * minute });
        const failures = (list: { failures: number }[]): number[] => list.slice(0, mostListed).map((one) => one.failures);
        // Who may never be blocked is no attacker: the office behind one address, our own probes.
        reading.logins = { addresses: failures(addresses.filter(({ never }) => never === undefined)), accounts: failures(accounts), ...(last !== undefined && { last }) };
      });
      await tried('errors', async () => {
        const now = Date.now();
        const { known, unknown: why, errors, critical } = await countErrors(host, apiOf(place), { lastMinute: now - minute, fiveMinutes: now - 5 * minute });
        if (known.length > 0) reading.errors = { errors, critical };
        else unknown['errors'] = outsideText(why.join(', '), scrub, 200);
      });
      return reading;
    },

    /** What one host reads for its whole environment: AuthOS's health and figures, and its database. */
    async patrolSite({ place, queues }: { place: Place; queues: string[] }): Promise<SiteReading> {
      const host = hostNamed(hosts, place.host);
      const api = apiOf(place);
      const { unknown, tried } = collector();
      const reading: SiteReading = { health: [], queues: {}, unknown };
      await tried('health', async () => {
        const { details, message } = await readHealth(api, 'detailed');
        if (typeof details['checks'] !== 'object') throw new Error(message);
        reading.health = authos.parse(details).map(({ labels, title, status }) => ({ name: labels['alertname'] ?? '', title: outsideText(title, scrub, 300), firing: status === 'firing' }));
      });
      for (const what of ['api', 'performance'] as const) {
        await tried(what, async () => {
          const answer = await readFigures(api, what);
          if ('unknown' in answer) throw new Error(answer.unknown);
          reading[what] = answer.values;
        });
      }
      await tried('database', async () => {
        const { kind, words } = await serverState(databaseOf, place);
        reading.database = { kind, words: outsideText(words, scrub, 200) };
      });
      if (reading.database?.kind !== 'accepting') return reading;
      await tried('tables', async () => {
        await withDatabase(databaseOf, place, async (client) => {
          for (const queue of queues) reading.queues[queue] = (await queueCounts(client, host, queue)).failed;
          const counts = await deliveryCounts(client, host, { withinMs: day });
          reading.webhooks = counts.filter(({ failed }) => failed > 0).slice(0, mostListed).map(({ webhook, success, failed, timeouts }) => ({ webhook, success, failed, timeouts }));
        });
      });
      return reading;
    },
  };
}

/** The worst of all addresses that can be reached from here. */
function certificateOf(served: Served[], domain: string): HostReading['certificates'][string] {
  const reached = served.filter(({ outOfReach }) => outOfReach !== true);
  if (reached.length === 0) throw new Error('no address can be reached from here');
  const bad = reached.find(({ certificate, trusted }) => !certificate?.coversDomain || !trusted);
  const facts = reached.flatMap(({ certificate }) => certificate ?? []).sort((a, b) => a.notAfter - b.notAfter)[0];
  const problem = bad && (bad.certificate === undefined ? `no handshake at ${bad.address}` : !bad.certificate.coversDomain ? `not for ${domain}` : 'not trusted');
  if (!facts) return { alarmDays: 7, warnDays: 30, ...(problem && { problem }) };
  return { daysLeft: daysLeft(facts, Date.now()), alarmDays: alarmDays(facts), warnDays: renewedDays(facts), ...(problem && { problem }) };
}

export type PatrolLookActivities = ReturnType<typeof patrolLookActivities>;
