import type { Client } from 'pg';
import type { RunningConfig } from './config.mjs';

/** Runs with one fresh connection as the application's own user, and closes it: PHP keeps none between requests. */
export function withDatabase<Result>(config: RunningConfig, use: (client: Client) => Promise<Result>): Promise<Result>;
