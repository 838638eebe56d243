import type { HostCertificate } from './certificate.js';

/** Services that a runbook may restart. The config says which of them a host runs, and how. */
export const serviceNames = ['postgresql', 'redis', 'php', 'workers', 'nginx'] as const;
export type ServiceName = (typeof serviceNames)[number];

/** A service under the name that its manager knows: a systemd unit, a container, or a program (or `group:*`) of supervisor. */
export type Service = { systemd: string } | { docker: string } | { supervisor: string };

/** A host of AuthOS as the config describes it, for the worker that acts on it. Secrets are not here: clients are injected. */
export interface Host {
  name: string;
  environment: string;
  /** Application root: `artisan`, `.env`, `config/`, `storage/`. Absolute. */
  root: string;
  /** User that the application runs as; commands of the application run as this user, never as root. */
  user: string;
  /** How PHP is called, such as `['php']` or `['herd', 'php']`: `artisan` and its arguments follow. */
  php: string[];
  /** How the application is restarted, such as `['herd', 'restart']` or `['sudo', 'systemctl', 'reload', 'php8.3-fpm']`. */
  restart: string[];
  /** How Composer is called; `['composer']` if absent. */
  composer?: string[];
  /** Git ref of the commit that was deployed before, such as `deployed`; if absent, where HEAD was before it last moved. */
  previousDeployment?: string;
  /** Time zone of the application's logs, IANA. */
  timeZone: string;
  /** Mount points that a disk alert may name. */
  mounts: string[];
  /** Folder for exports, backups and evidence, off the application's volume. */
  archive: string;
  /** Folder where whole outputs of commands are kept. */
  records: string;
  /** Log channels that are moved to the archive and never deleted at once. */
  protectedLogs: string[];
  /** True if a supervisor starts queue workers again after `queue:restart`. */
  workersSupervised: boolean;
  /** What runs here and may be restarted by name; what is not listed is never restarted. */
  services?: Partial<Record<ServiceName, Service>>;
  /** Folders where copies of the OAuth keys may lie (`oauth-private.key`, `oauth-public.key`): a backup, a share of all hosts. */
  oauthKeySources?: string[];
  /** TLS certificates that this host serves. */
  certificates?: HostCertificate[];
}
