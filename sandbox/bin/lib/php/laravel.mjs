import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { openCache } from '../cache.mjs';
import { withDatabase } from '../database.mjs';
import { hasJob } from '../jobs.mjs';
import { hasMail, sendMail } from '../mail.mjs';
import { fromJson, text, toJson } from './evaluate.mjs';

/** The functions of PHP and Laravel that code given to tinker may call here, over the running config and the real cache. */
export function laravelFunctions(config) {
  return {
    config: (key, otherwise = null) => {
      const found = text(key).split('.').reduce((value, part) => value?.[part], config);
      return found === undefined ? otherwise : fromJson(found);
    },
    cache: (key) => (key === undefined ? cacheOf(config) : cacheOf(config).get(key)),
    json_encode: (value) => JSON.stringify(toJson(value)).replaceAll('/', '\\/'),
    is_array: (value) => value instanceof Map,
    is_null: (value) => value === null,
    is_string: (value) => typeof value === 'string',
    in_array: (needle, array, strict = false) => [...array.values()].some((value) => (strict ? value === needle : value == needle)),
    array_keys: (array) => new Map([...array.keys()].map((key, index) => [index, key])),
    count: (array) => array.size,
    get_class: (object) => object.class ?? 'stdClass',
    strlen: (value) => Buffer.byteLength(text(value)),
    str_replace: (search, replacement, subject) => text(subject).replaceAll(text(search), text(replacement)),
    hash: (algorithm, data) => createHash(algorithm).update(text(data)).digest('hex'),
    getenv: (name) => process.env[name] ?? false,
    random_bytes: (length) => randomBytes(length).toString('latin1'),
    bin2hex: (bytes) => Buffer.from(bytes, 'latin1').toString('hex'),
    is_object: (value) => value !== null && typeof value === 'object' && !(value instanceof Map),
    /** Of the application's classes there are its jobs and its mail. */
    new: (name) => {
      if (!hasJob(name) && !hasMail(config, name)) throw new Error(`Class "${name}" not found`);
      return { class: name };
    },
    class_exists: (name) => hasJob(text(name)) || hasMail(config, text(name)),
    base64_decode: (data) => Buffer.from(text(data), 'base64').toString('utf8'),
    'app\\models\\user::count': () => withDatabase(config, async (client) => (await client.query('select count(*)::int as count from users')).rows[0].count),
    'illuminate\\support\\facades\\mail::to': (user) => ({ send: (mail) => sendMail(config, user, mail) }),
    app: (name) => {
      if (name === 'queue') return { pushOn: (queue, job) => push(config, text(queue), job) };
      if (name !== 'db') throw new Error(`Target class [${text(name)}] does not exist.`);
      return { connection: () => ({ getPdo: () => withDatabase(config, async () => ({ class: 'PDO' })) }) };
    },
    now: () => ({ toIso8601String: () => new Date().toISOString() }),
  };
}

/** Puts a job on a queue of the database, and gives the id of its row. */
function push(config, queue, job) {
  const payload = { uuid: randomUUID(), displayName: job.class, maxTries: null, data: {} };
  return withDatabase(config, async (client) => {
    const { rows } = await client.query(
      'insert into jobs (queue, payload, attempts, available_at, created_at) values ($1, $2, 0, extract(epoch from now())::int, extract(epoch from now())::int) returning id',
      [queue, JSON.stringify(payload)],
    );
    return Number(rows[0].id);
  });
}

/** Laravel's cache repository on a store, a connection for each call. */
function cacheOf(config, store = config.cache.default) {
  const driver = config.cache.stores[store]?.driver;
  const use = async (act) => {
    const cache = await openCache(config, store);
    try {
      return await act(cache);
    } finally {
      await cache.close();
    }
  };
  const get = async (key, otherwise = null) => {
    const found = await use((cache) => cache.get(text(key)));
    return found === null ? otherwise : unserialize(found, driver);
  };
  return {
    store: (name) => cacheOf(config, text(name)),
    get,
    put: (key, value, seconds) => use(async (cache) => (await cache.put(text(key), serialize(value), seconds)) || true),
    has: async (key) => (await get(key)) !== null,
    forget: (key) => use(async (cache) => (await cache.forget(text(key))) || true),
  };
}

function serialize(value) {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return `b:${value ? 1 : 0};`;
  if (typeof value === 'string') return `s:${Buffer.byteLength(value)}:"${value}";`;
  throw new Error("The sandbox's PHP keeps only numbers, strings and booleans in the cache");
}

/** The Redis store keeps numbers bare, and gives them back as what Redis has: strings. The others give back numbers. */
function unserialize(found, driver) {
  if (/^-?\d+(\.\d+)?$/.test(found)) return driver === 'redis' ? found : Number(found);
  if (/^b:[01];$/.test(found)) return found === 'b:1;';
  const match = /^s:\d+:"([\s\S]*)";$/.exec(found);
  return match ? match[1] : found;
}
