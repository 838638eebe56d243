import type { FastifyBaseLogger } from 'fastify';
import type { Fetch } from '../alerts/sns.js';
import type { Inventory } from '../alerts/targets.js';
import type { PlainRunbook } from '../catalogue/plain.js';
import type { Config } from '../config.js';
import type { Doctor } from '../doctor/examine.js';
import type { Metrics } from '../metrics.js';
import type { Incidents, Reports } from './incidents.js';
import type { Silences } from './temporal-silences.js';

/** What the HTTP server is built from. */
export interface ServerParts {
  config: Pick<Config, 'channels' | 'people' | 'tokens' | 'roster' | 'permissions' | 'sources' | 'http' | 'encryption' | 'links'> & Inventory;
  runbooks: readonly PlainRunbook[];
  incidents: Incidents;
  silences: Silences;
  reports: Reports;
  doctor: Doctor;
  metrics: Metrics;
  logger: FastifyBaseLogger;
  /** For links of SNS. */
  fetchText: Fetch;
}
