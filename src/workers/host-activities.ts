import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { artisanActivities } from '../activities/artisan.js';
import { certbotActivities } from '../activities/certbot.js';
import { certificateFileActivities } from '../activities/certificate-files.js';
import { certificateActivities } from '../activities/certificates.js';
import { databaseCauseActivities } from '../activities/database-cause.js';
import { databaseServerActivities } from '../activities/database-server.js';
import { deploymentActivities } from '../activities/deployment.js';
import { diskActivities } from '../activities/disk.js';
import { diskStepActivities } from '../activities/disk-steps.js';
import { doctorHostActivities, type DoctorHostActivities } from '../activities/doctor-host.js';
import { envFileActivities } from '../activities/env-file.js';
import { errorPatternActivities } from '../activities/error-pattern.js';
import { errorRateActivities } from '../activities/error-rate.js';
import { evidenceActivities } from '../activities/evidence-copy.js';
import { failedJobsActivities } from '../activities/failed-jobs.js';
import { firewallActivities } from '../activities/firewall.js';
import { firstLookActivities } from '../activities/first-look.js';
import { authosApi, healthActivities } from '../activities/health-api.js';
import { hostActivities } from '../activities/host.js';
import { hostMisconfigured } from '../activities/known-hosts.js';
import { loginDefenceActivities } from '../activities/login-defence.js';
import { loginActivities } from '../activities/login-failures.js';
import { monitoringActivities } from '../activities/monitoring-api.js';
import { notifyActivities } from '../activities/notify-users.js';
import { oauthActivities } from '../activities/oauth.js';
import { oauthKeyActivities } from '../activities/oauth-keys.js';
import { passportInstallActivities } from '../activities/passport-install.js';
import { type PatrolLookActivities, patrolLookActivities } from '../activities/patrol-look.js';
import { performanceActivities } from '../activities/performance.js';
import { phpActivities } from '../activities/php-settings.js';
import { postgresActivities } from '../activities/postgres.js';
import { queueJobActivities } from '../activities/queue-jobs.js';
import { queueProofActivities } from '../activities/queue-proof.js';
import { queueWorkerActivities } from '../activities/queue-workers.js';
import { createScrub } from '../activities/scrub.js';
import { redisActivities } from '../activities/redis.js';
import { serviceActivities } from '../activities/services.js';
import { localShell } from '../activities/shell.js';
import { timedRequestActivities } from '../activities/timed-requests.js';
import { webhookEndpointActivities } from '../activities/webhook-endpoints.js';
import { webhookProofActivities } from '../activities/webhook-proof.js';
import { webhookActivities } from '../activities/webhooks.js';
import { volumeActivities } from '../activities/volume-growth.js';
import type { Config, EnvironmentConfig } from '../config.js';
import { secretsOfSource } from '../config/source-secrets.js';
import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { RunbookActivities } from '../workflows/activity-types.js';

/** Everything that a host's worker can do, over the clients that the config describes. Connects nothing by itself. */
export function activitiesOfHost(config: Config): RunbookActivities & DoctorHostActivities & PatrolLookActivities {
  const hosts = Object.values(config.hosts);
  const scrub = createScrub(secretsOf(config));
  const shellOf = (host: Host) => localShell({ records: host.records, scrub });
  const environmentOf = ({ environment }: Place): EnvironmentConfig => {
    const found = config.environments[environment];
    if (!found) throw hostMisconfigured(`environment ${environment} is not in the config`);
    return found;
  };
  const addressOf = (place: Place) => {
    const { authos } = environmentOf(place);
    return { baseUrl: authos.url, token: authos.token.reveal() };
  };
  const apiOf = (place: Place) => authosApi(addressOf(place));
  const databaseOf = (place: Place) => {
    const { database } = environmentOf(place);
    return database && { connectionString: database.url.reveal() };
  };
  const adminOf = (place: Place) => {
    const { database } = environmentOf(place);
    return database && { connectionString: (database.adminUrl ?? database.url).reveal() };
  };
  const redisOf = (place: Place) => {
    const { redis } = environmentOf(place);
    return redis && { url: redis.url.reveal(), store: redis.store };
  };
  const parts = { hosts, shellOf, databaseOf };
  const host = hostActivities(parts);
  const certbot = certbotActivities({ hosts, shellOf });
  const postgres = postgresActivities(parts);
  const artisan = artisanActivities(parts);
  const disk = diskActivities({ hosts, shellOf, apiOf });
  const services = serviceActivities({ hosts, shellOf, apiOf });
  const ownAddresses = (): string[] => addressesOf(config);
  const firewall = firewallActivities({ hosts, shellOf, ownAddresses });
  const env = envFileActivities({ hosts, shellOf, services });
  // A test waits for the endpoint, for as long as the webhook allows.
  const commandsOf = (place: Place) => authosApi({ ...addressOf(place), timeoutMs: 60_000 });
  const rulesOf = (place: Place) => {
    const { webhookNetworks, webhookSignature } = environmentOf(place);
    return { allowed: webhookNetworks ?? [], signatureHeader: webhookSignature ?? 'X-Webhook-Signature' };
  };
  const endpoints = webhookEndpointActivities({ databaseOf, commandsOf, rulesOf, scrub });
  const queueWorkers = queueWorkerActivities({ ...parts, services, scrub });
  const logins = loginActivities({ hosts, databaseOf, apiOf, scrub, ownAddresses, firewall });
  const certificates = certificateActivities({ hosts });
  return {
    ...host,
    ...doctorHostActivities({ ...parts, apiOf, adminOf, redisOf, scrub }),
    ...postgres,
    ...artisan,
    ...disk,
    ...diskStepActivities({ ...parts, artisan, host, disk, postgres }),
    ...volumeActivities({ hosts, shellOf }),
    ...evidenceActivities({ hosts }),
    ...firewall,
    ...logins,
    ...patrolLookActivities({ hosts, apiOf, databaseOf, disk, certificates, logins, scrub }),
    ...loginDefenceActivities({ hosts }),
    ...notifyActivities({ hosts, shellOf, scrub }),
    ...failedJobsActivities(parts),
    ...certificates,
    ...certbot,
    ...certificateFileActivities({ hosts, certbot }),
    ...oauthActivities({ ...parts, apiOf, testUserOf: (place) => environmentOf(place).authos.testUser }),
    ...oauthKeyActivities(parts),
    ...passportInstallActivities(parts),
    ...healthActivities({ apiOf, scrub }),
    ...monitoringActivities({ hosts, apiOf, scrub }),
    ...errorRateActivities({ hosts, apiOf }),
    ...errorPatternActivities({ hosts, shellOf, apiOf, scrub }),
    ...databaseCauseActivities({ ...parts, apiOf, databaseNameOf: (place) => environmentOf(place).database?.name }),
    ...deploymentActivities({ hosts, shellOf, scrub }),
    ...phpActivities({ hosts, shellOf }),
    ...timedRequestActivities({ hosts, apiOf, addressOf }),
    ...performanceActivities({ ...parts, apiOf, scrub }),
    ...firstLookActivities({ hosts, shellOf, apiOf, scrub }),
    ...queueJobActivities({ ...parts, scrub }),
    ...queueWorkers,
    ...queueProofActivities({ hosts, databaseOf, apiOf, workers: queueWorkers, scrub }),
    ...webhookActivities({ hosts, databaseOf, apiOf, commandsOf, scrub }),
    ...endpoints,
    ...webhookProofActivities({ hosts, databaseOf, commandsOf, endpoints, env, scrub }),
    ...services,
    ...env,
    ...databaseServerActivities({ hosts, shellOf, apiOf, adminOf, serverOf: (place) => environmentOf(place).database, services, scrub }),
    ...redisActivities({ hosts, shellOf, apiOf, redisOf, env, scrub }),
  };
}

/** Addresses that must never be blocked: of this machine, of the hosts, and of what they and we talk to, as far as the config has them. */
function addressesOf(config: Config): string[] {
  const interfaces = Object.values(networkInterfaces()).flatMap((list) => list ?? []).map(({ address }) => address);
  const aliases = Object.values(config.hosts).flatMap((host) => host.aliases);
  const urls = Object.values(config.environments).flatMap(({ authos, database, redis }) => [authos.url, database?.url.reveal(), redis?.url.reveal()]);
  const machines = [...urls, config.links.console, config.links.temporalUi].flatMap((url) => (url !== undefined && URL.canParse(url) ? [new URL(url).hostname.replace(/^\[|\]$/g, '')] : []));
  const temporal = config.temporal.address.replace(/:\d+$/, '');
  return [...interfaces, ...aliases, ...machines, temporal, config.http.host, config.channels.email?.host ?? ''].filter((text) => isIP(text) !== 0);
}

/** Every secret that a command's output might show. */
function secretsOf(config: Config): string[] {
  const environments = Object.values(config.environments).flatMap(({ authos, database, redis }) => [
    authos.token,
    ...(database ? [database.url] : []),
    ...(database?.adminUrl ? [database.adminUrl] : []),
    ...(redis ? [redis.url] : []),
  ]);
  const people = Object.values(config.people).flatMap(({ token }) => (token ? [token] : []));
  const sources = Object.values(config.sources).flatMap(secretsOfSource).map(({ secret }) => secret);
  const mail = config.channels.email?.password ? [config.channels.email.password] : [];
  const tokens = Object.values(config.tokens).map(({ secret }) => secret);
  return [...environments, ...people, ...tokens, ...sources, ...mail, ...config.encryption.keys].map((secret) => secret.reveal());
}
