export interface RedisConnection {
  host: string;
  port: number;
  password: string | null;
  database: number;
}

/** The part of Laravel's config that the sandbox acts by. */
export interface RunningConfig {
  app: { name: string; env: string; debug: boolean; url: string; timezone: string };
  auth: { rate_limit: number };
  cache: { default: string; stores: Record<string, { driver: string; connection?: string; path?: string }>; prefix: string };
  database: {
    default: string;
    connections: Record<string, { driver: string; host: string; port: number; database: string; username: string; password: string }>;
    redis: { options: { prefix: string }; default: RedisConnection; cache: RedisConnection };
  };
  directory: { cache_seconds: number };
  logging: { default: string; format: string };
  mail: { default: string; host: string; port: number; from: string };
  queue: { default: string; connections: Record<string, { driver: string; retry_after?: number }> };
  reports: { folder: string };
  session: { driver: string; files: string };
  webhooks: { max_retries: number; retry_delay: number };
}

/** The config that the application runs with: the cached one if there is one, whatever the `.env` says since. */
export function runningConfig(root: string): RunningConfig;

/** Builds the config cache, as `config:cache` does. */
export function cacheConfig(root: string): void;
