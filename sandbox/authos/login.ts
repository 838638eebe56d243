import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RunningConfig } from '../bin/lib/config.mjs';
import { withDatabase } from '../bin/lib/database.mjs';
import { withCache } from './counters.js';
import type { Front } from './front.js';
import type { LogLine } from './logs.js';

export interface LoginParts {
  config: () => RunningConfig;
  log: (line: LogLine) => Promise<unknown>;
  front: Front;
}

/** How the sandbox keeps a password. */
export const passwordHash = (password: string): string => createHash('sha256').update(password).digest('hex');

/** Where a request says it is from: everything here comes from this machine, and passes the front under this address. */
const clientHeader = 'x-sandbox-client';

/**
 * `POST /api/auth/login`, throttled by RATE_LIMIT_AUTH a minute for each email and address. Failures and successes go into the
 * security log and the tables; every request that the firewall lets through is in the access log.
 */
export function addLogin(app: FastifyInstance, { config, log, front }: LoginParts): void {
  const clientOf = (request: FastifyRequest): string => {
    const said = request.headers[clientHeader];
    return typeof said === 'string' ? said : request.ip;
  };

  app.post('/api/auth/login', async (request, reply) => {
    const address = clientOf(request);
    const meets = front.meets(address);
    if (meets === 'dropped') {
      reply.hijack();
      request.raw.socket.destroy();
      return reply;
    }
    const answer = async (status: number, body: object): Promise<unknown> => {
      await front.write({ address, method: 'POST', url: '/api/auth/login', status });
      return reply.code(status).send(body);
    };
    if (meets === 'denied') return answer(403, { message: 'Forbidden' });
    const { email, password } = (request.body ?? {}) as { email?: unknown; password?: unknown };
    if (typeof email !== 'string' || typeof password !== 'string') return answer(422, { message: 'The given data was invalid.' });
    if (await isThrottled(config(), `${email}|${address}`)) return answer(429, { message: 'Too Many Attempts.' });
    const user = await withDatabase(config(), async (client) => {
      // PostgreSQL's text holds no NUL.
      const { rows } = await client.query<{ id: string; password: string }>('select id, password from users where email = $1', [email.replaceAll('\0', '')]);
      const [found] = rows;
      const good = found !== undefined && found.password === passwordHash(password);
      await client.query("insert into authentication_logs (user_id, event, success, ip_address, user_agent) values ($1, $2, $3, $4, 'sandbox')", [found?.id ?? null, good ? 'login' : 'failed_login', good, address]);
      if (!good) await client.query("insert into failed_login_attempts (email, ip_address, reason) values ($1, $2, 'invalid_credentials')", [email.replaceAll('\0', ''), address]);
      return good ? found : undefined;
    });
    const timestamp = new Date().toISOString();
    if (user === undefined) {
      await log({ channel: 'security', level: 'WARNING', message: 'Failed authentication attempt', context: { type: 'failed_authentication', email, ip: address, reason: 'invalid_credentials', timestamp } });
      return answer(401, { message: 'These credentials do not match our records.' });
    }
    await log({ channel: 'security', level: 'INFO', message: 'Successful authentication', context: { type: 'successful_authentication', user_id: user.id, email, ip: address, timestamp } });
    return answer(200, { token_type: 'Bearer', user: { id: user.id } });
  });
}

/** Laravel's limiter: a count in the cache that begins anew a minute after its first hit. `cache:clear` empties it. */
async function isThrottled(config: RunningConfig, key: string): Promise<boolean> {
  const name = `throttle:auth:${createHash('sha1').update(key).digest('hex')}`;
  return withCache(config, async (cache) => {
    const kept = JSON.parse((await cache.get(name)) ?? '{}') as { count?: number; until?: number };
    const isOver = (kept.until ?? 0) <= Date.now();
    const count = isOver ? 1 : (kept.count ?? 0) + 1;
    const until = isOver ? Date.now() + 60_000 : (kept.until ?? 0);
    await cache.put(name, JSON.stringify({ count, until }), 61);
    return count > config.auth.rate_limit;
  });
}
