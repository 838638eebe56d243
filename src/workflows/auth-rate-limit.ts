import { factsOf } from './logins.js';
import { from, readOnHosts } from './on-hosts.js';
import { phpOnAllHosts } from './restart.js';
import { act, type Scene } from './step.js';

const limit = '5';

/** Half of "Rate Limit Authentication": on every host, one after another. */
export const lowerAuthRateLimit = act({
  name: 'Lower RATE_LIMIT_AUTH',
  risk: 'disruptive',
  command: ({ hosts }) => `RATE_LIMIT_AUTH=${limit} in .env on ${hosts.join(', then ')}; config:cache if there was one, a reload, queue:restart`,
  when: {
    says: `the application runs with a higher limit than ${limit}`,
    async holds(_, scene) {
      const read = await readRateLimits(scene);
      const higher = read.filter(({ running }) => Number(running) > Number(limit));
      factsOf(scene).rateLimits ??= Object.fromEntries(read.map(({ host, raw }) => [host, raw]));
      return { holds: higher.length === read.length, why: read.map(({ host, running, because }) => `${host}: ${running ?? because ?? 'the application has no such setting'}`).join(', ') };
    },
  },
  touches: (place) => [`env:${place.environment}`, ...place.hosts.map((host) => `file:.env@${host}`), ...phpOnAllHosts(place)],
  async look(_, scene) {
    const read = await readRateLimits(scene);
    return read.every(({ running }) => running === limit) ? { outcome: 'done', evidence: `RATE_LIMIT_AUTH is ${limit}` } : undefined;
  },
  undo: {
    says: 'writes RATE_LIMIT_AUTH back by itself, if it is still ours',
    async entry(_, scene) {
      const { rateLimits = {} } = factsOf(scene);
      return Object.entries(rateLimits).map(([host, old]) => ({
        kind: 'automatic' as const,
        title: old === null ? `Take RATE_LIMIT_AUTH out of .env at ${host}` : `Write RATE_LIMIT_AUTH=${old} back at ${host}`,
        host,
        activity: 'restoreEnv',
        argument: { place: from(scene.place, host), key: 'RATE_LIMIT_AUTH', ours: limit, old },
        touches: [`env:${scene.place.environment}`, `file:.env@${host}`, `service:php@${host}`],
      }));
    },
  },
  timeout: { minutes: 5, because: 'a reload finishes the requests it has, and the value is read back' },
  async do(_, { place }, onHost) {
    const lines: string[] = [];
    for (const host of place.hosts) {
      // One after another: each answers its health check again before the next is reloaded.
      const { outcome, evidence } = await onHost(host).setEnv({ place: from(place, host), key: 'RATE_LIMIT_AUTH', value: limit });
      lines.push(`${host}: ${evidence}`);
      if (outcome !== 'done') return { outcome, evidence: lines.join('\n') };
    }
    return { outcome: 'done', evidence: lines.join('\n') };
  },
});

async function readRateLimits({ place }: Scene): Promise<{ host: string; raw: string | null; running?: string | null; because?: string }[]> {
  return readOnHosts(place, 'RATE_LIMIT_AUTH', async (on, there) => ({ host: there.host, ...(await on.readEnv({ place: there, key: 'RATE_LIMIT_AUTH' })) }));
}
