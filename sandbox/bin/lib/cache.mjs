import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Laravel's file store: one file a key, two levels of folders, the expiry in front of the value. */
function fileCache(folder) {
  const fileOf = (key) => {
    const hash = createHash('sha1').update(key).digest('hex');
    return join(folder, hash.slice(0, 2), hash.slice(2, 4), hash);
  };
  return {
    async put(key, value, seconds) {
      const expires = seconds ? Math.floor(Date.now() / 1000) + seconds : 9_999_999_999;
      await mkdir(dirname(fileOf(key)), { recursive: true });
      await writeFile(fileOf(key), `${expires}s:${Buffer.byteLength(value)}:"${value}";`);
    },
    async get(key) {
      const text = await readFile(fileOf(key), 'utf8').catch(() => undefined);
      if (text === undefined || Number(text.slice(0, 10)) < Date.now() / 1000) return null;
      return text.slice(text.indexOf('"') + 1, -2);
    },
    async forget(key) {
      await rm(fileOf(key), { force: true });
    },
    async flush() {
      for (const name of await readdir(folder)) {
        if (name !== '.gitignore') await rm(join(folder, name), { recursive: true, force: true });
      }
    },
    async close() {},
  };
}

/** Connects once and gives up at once: like PHP, which holds no connection from one request to the next. */
export async function connectRedis(connection) {
  // Loaded here alone: it takes longer than all the rest of a program that starts often and mostly needs no cache.
  const { Redis } = createRequire(import.meta.url)('ioredis');
  const redis = new Redis({
    host: connection.host,
    port: connection.port,
    password: connection.password ?? undefined,
    db: connection.database,
    lazyConnect: true,
    connectTimeout: 2_000,
    commandTimeout: 2_000,
    // After a refused connection this timer runs for nothing, and the program would wait for its default of 2 s.
    disconnectTimeout: 50,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    enableReadyCheck: false,
  });
  let reason;
  redis.on('error', (error) => {
    reason = error;
  });
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    // ioredis says "Connection is closed" here; why is in the event.
    throw reason ?? error;
  }
  return redis;
}

async function redisCache(config, store) {
  const redis = await connectRedis(config.database.redis[store.connection]);
  const prefix = config.database.redis.options.prefix + config.cache.prefix;
  return {
    put: (key, value, seconds) => (seconds ? redis.set(prefix + key, value, 'EX', seconds) : redis.set(prefix + key, value)),
    get: (key) => redis.get(prefix + key),
    forget: (key) => redis.del(prefix + key),
    /** FLUSHDB, as Laravel does: everything in that database, whoever put it there. */
    flush: () => redis.flushdb(),
    close: async () => redis.disconnect(),
  };
}

/** Opens a cache store (the default one unless named); the caller closes it. Throws if Valkey does not answer. */
export async function openCache(config, name = config.cache.default) {
  const store = config.cache.stores[name];
  if (!store) throw new Error(`Cache store [${name}] is not defined.`);
  if (store.driver === 'redis') return redisCache(config, store);
  if (store.driver === 'file') return fileCache(store.path);
  if (store.driver === 'array') {
    // One request long, so between requests it forgets everything.
    const values = new Map();
    return {
      put: async (key, value) => void values.set(key, value),
      get: async (key) => values.get(key) ?? null,
      forget: async (key) => void values.delete(key),
      flush: async () => values.clear(),
      close: async () => {},
    };
  }
  throw new Error(`Driver [${store.driver}] is not supported.`);
}
