import type { ArtisanActivities } from '../activities/artisan.js';
import type { DiskActivities } from '../activities/disk.js';
import type { DiskStepActivities } from '../activities/disk-steps.js';
import type { FailedJobsActivities } from '../activities/failed-jobs.js';
import type { HealthActivities } from '../activities/health-api.js';
import type { HostActivities } from '../activities/host.js';
import type { PostgresActivities } from '../activities/postgres.js';

/** All activities that runbooks call, as types only: the code behind them never enters a workflow bundle. */
export type RunbookActivities = ArtisanActivities & DiskActivities & DiskStepActivities & FailedJobsActivities & HealthActivities & HostActivities & PostgresActivities;
