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
}
