import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import util from 'node:util';

export const cachedConfigFile = (root) => join(root, 'bootstrap/cache/config.php');
export const cachedRoutesFile = (root) => join(root, 'bootstrap/cache/routes-v7.php');

/** What Laravel's `env()` gives of an `.env` text: the last of equal keys wins, `null` and `(null)` are null. */
function parseEnv(text) {
  return Object.fromEntries(Object.entries(util.parseEnv(text)).map(([key, value]) => [key, /^(null|\(null\))$/i.test(value) ? null : value]));
}

/** What `config/*.php` makes of the `.env`. */
export function configFromEnv(root) {
  const env = parseEnv(readFileSync(join(root, '.env'), 'utf8'));
  const redis = (database) => ({ host: env.REDIS_HOST, port: Number(env.REDIS_PORT), password: env.REDIS_PASSWORD ?? null, database });
  return {
    app: { name: env.APP_NAME, env: env.APP_ENV, debug: env.APP_DEBUG === 'true', url: env.APP_URL, timezone: env.APP_TIMEZONE ?? 'UTC' },
    auth: { rate_limit: Number(env.RATE_LIMIT_AUTH ?? 10) },
    cache: {
      default: env.CACHE_STORE ?? 'database',
      stores: {
        redis: { driver: 'redis', connection: 'cache', lock_connection: 'default' },
        file: { driver: 'file', path: join(root, 'storage/framework/cache/data') },
        array: { driver: 'array' },
      },
      prefix: env.CACHE_PREFIX ?? 'authos_cache_',
    },
    database: {
      default: env.DB_CONNECTION ?? 'pgsql',
      connections: {
        pgsql: {
          driver: 'pgsql',
          host: env.DB_HOST,
          port: Number(env.DB_PORT),
          database: env.DB_DATABASE,
          username: env.DB_USERNAME,
          password: env.DB_PASSWORD,
        },
      },
      migrations: 'migrations',
      redis: {
        options: { prefix: env.REDIS_PREFIX ?? 'authos_database_' },
        default: redis(Number(env.REDIS_DB ?? 0)),
        cache: redis(Number(env.REDIS_CACHE_DB ?? 1)),
      },
    },
    directory: { cache_seconds: Number(env.DIRECTORY_CACHE_SECONDS ?? 300) },
    logging: { default: env.LOG_CHANNEL ?? 'stack', format: env.LOG_FORMAT ?? 'line' },
    mail: { default: env.MAIL_MAILER ?? 'log', host: env.MAIL_HOST ?? '127.0.0.1', port: Number(env.MAIL_PORT ?? 2525), from: env.MAIL_FROM_ADDRESS ?? 'no-reply@authos.test' },
    passport: { private_key: env.PASSPORT_PRIVATE_KEY ?? null, public_key: env.PASSPORT_PUBLIC_KEY ?? null },
    queue: {
      default: env.QUEUE_CONNECTION ?? 'database',
      connections: {
        database: { driver: 'database', table: 'jobs', queue: 'default', retry_after: Number(env.DB_QUEUE_RETRY_AFTER ?? 90) },
        redis: { driver: 'redis', connection: 'default', queue: 'default', retry_after: 90 },
        sync: { driver: 'sync' },
      },
      failed: { driver: 'database-uuids', database: 'pgsql', table: 'failed_jobs' },
    },
    reports: { folder: env.REPORTS_FOLDER ?? 'reports' },
    session: {
      driver: env.SESSION_DRIVER ?? 'database',
      lifetime: Number(env.SESSION_LIFETIME ?? 120),
      files: join(root, 'storage/framework/sessions'),
      connection: env.SESSION_CONNECTION ?? null,
      table: 'sessions',
      store: env.SESSION_STORE ?? null,
    },
    webhooks: { max_retries: Number(env.WEBHOOK_MAX_RETRIES ?? 3), retry_delay: Number(env.WEBHOOK_RETRY_DELAY ?? 60) },
  };
}

const cacheHead = "<?php return json_decode(<<<'JSON'\n";
const cacheFoot = '\nJSON, true);\n';

/** The config that the application runs with: the cached one if there is one, whatever the `.env` says since. */
export function runningConfig(root) {
  const file = cachedConfigFile(root);
  if (!existsSync(file)) return configFromEnv(root);
  const text = readFileSync(file, 'utf8');
  if (!text.startsWith(cacheHead) || !text.endsWith(cacheFoot)) throw new Error(`${file} is not a config cache`);
  return JSON.parse(text.slice(cacheHead.length, -cacheFoot.length));
}

export function cacheConfig(root) {
  writeFileSync(cachedConfigFile(root), cacheHead + JSON.stringify(configFromEnv(root), null, 2) + cacheFoot);
}

export function clearCachedConfig(root) {
  rmSync(cachedConfigFile(root), { force: true });
}
