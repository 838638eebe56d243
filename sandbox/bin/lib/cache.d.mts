import type { Redis } from 'ioredis';
import type { RedisConnection, RunningConfig } from './config.mjs';

export interface CacheStore {
  put(key: string, value: string, seconds?: number): Promise<unknown>;
  get(key: string): Promise<string | null>;
  forget(key: string): Promise<unknown>;
  flush(): Promise<unknown>;
  close(): Promise<void>;
}

/** Connects once and gives up at once: like PHP, which holds no connection from one request to the next. */
export function connectRedis(connection: RedisConnection): Promise<Redis>;
/** Opens a cache store (the default one unless named); the caller closes it. Throws if Valkey does not answer. */
export function openCache(config: RunningConfig, name?: string): Promise<CacheStore>;
