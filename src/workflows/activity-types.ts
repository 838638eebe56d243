import type { ArtisanActivities } from '../activities/artisan.js';
import type { CertbotActivities } from '../activities/certbot.js';
import type { CertificateFileActivities } from '../activities/certificate-files.js';
import type { CertificateActivities } from '../activities/certificates.js';
import type { DatabaseCauseActivities } from '../activities/database-cause.js';
import type { DatabaseServerActivities } from '../activities/database-server.js';
import type { DeploymentActivities } from '../activities/deployment.js';
import type { DiskStepActivities } from '../activities/disk-steps.js';
import type { DiskActivities } from '../activities/disk.js';
import type { EnvFileActivities } from '../activities/env-file.js';
import type { ErrorPatternActivities } from '../activities/error-pattern.js';
import type { ErrorRateActivities } from '../activities/error-rate.js';
import type { FailedJobsActivities } from '../activities/failed-jobs.js';
import type { FirstLookActivities } from '../activities/first-look.js';
import type { HealthActivities } from '../activities/health-api.js';
import type { HostActivities } from '../activities/host.js';
import type { MonitoringActivities } from '../activities/monitoring-api.js';
import type { OauthKeyActivities } from '../activities/oauth-keys.js';
import type { OauthActivities } from '../activities/oauth.js';
import type { PassportInstallActivities } from '../activities/passport-install.js';
import type { PerformanceActivities } from '../activities/performance.js';
import type { PhpActivities } from '../activities/php-settings.js';
import type { PostgresActivities } from '../activities/postgres.js';
import type { RedisActivities } from '../activities/redis.js';
import type { ServiceActivities } from '../activities/services.js';
import type { TimedRequestActivities } from '../activities/timed-requests.js';

/** All activities that runbooks call, as types only: the code behind them never enters a workflow bundle. */
export type RunbookActivities = ArtisanActivities & CertbotActivities & CertificateActivities & CertificateFileActivities & DatabaseCauseActivities & DatabaseServerActivities & DeploymentActivities & DiskActivities & DiskStepActivities & EnvFileActivities & ErrorPatternActivities & ErrorRateActivities & FailedJobsActivities & FirstLookActivities & HealthActivities & HostActivities & MonitoringActivities & OauthActivities & OauthKeyActivities & PassportInstallActivities & PerformanceActivities & PhpActivities & PostgresActivities & RedisActivities & ServiceActivities & TimedRequestActivities;
