import { artisanActivities } from '../activities/artisan.js';
import { diskActivities } from '../activities/disk.js';
import { diskStepActivities } from '../activities/disk-steps.js';
import { failedJobsActivities } from '../activities/failed-jobs.js';
import { authosApi, healthActivities } from '../activities/health-api.js';
import { hostActivities } from '../activities/host.js';
import { hostMisconfigured } from '../activities/known-hosts.js';
import { postgresActivities } from '../activities/postgres.js';
import { createScrub } from '../activities/scrub.js';
import { localShell } from '../activities/shell.js';
import type { Config, EnvironmentConfig } from '../config.js';
import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { RunbookActivities } from '../workflows/activity-types.js';

/** Everything that a host's worker can do, over the clients that the config describes. Connects nothing by itself. */
export function activitiesOfHost(config: Config): RunbookActivities {
  const hosts = Object.values(config.hosts);
  const scrub = createScrub(secretsOf(config));
  const shellOf = (host: Host) => localShell({ records: host.records, scrub });
  const environmentOf = ({ environment }: Place): EnvironmentConfig => {
    const found = config.environments[environment];
    if (!found) throw hostMisconfigured(`environment ${environment} is not in the config`);
    return found;
  };
  const apiOf = (place: Place) => {
    const { authos } = environmentOf(place);
    return authosApi({ baseUrl: authos.url, token: authos.token.reveal() });
  };
  const databaseOf = (place: Place) => {
    const { database } = environmentOf(place);
    return database && { connectionString: database.url.reveal() };
  };
  const parts = { hosts, shellOf, databaseOf };
  const host = hostActivities(parts);
  const postgres = postgresActivities(parts);
  const artisan = artisanActivities(parts);
  return {
    ...host,
    ...postgres,
    ...artisan,
    ...diskActivities({ hosts, shellOf, apiOf }),
    ...diskStepActivities({ ...parts, artisan, host, postgres }),
    ...failedJobsActivities(parts),
    ...healthActivities({ apiOf, scrub }),
  };
}

/** Every secret that a command's output might show. */
function secretsOf(config: Config): string[] {
  const environments = Object.values(config.environments).flatMap(({ authos, database }) => [authos.token, ...(database ? [database.url] : [])]);
  const people = Object.values(config.people).flatMap(({ token }) => (token ? [token] : []));
  const sources = Object.values(config.sources).map(({ token }) => token);
  const mail = config.channels.email?.password ? [config.channels.email.password] : [];
  return [...environments, ...people, ...sources, ...mail].map((secret) => secret.reveal());
}
