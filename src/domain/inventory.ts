import type { HostCertificate } from './certificate.js';

/** Services that a runbook may restart. The config says which of them a host runs, and how. */
export const serviceNames = ['postgresql', 'redis', 'php', 'workers', 'nginx'] as const;
export type ServiceName = (typeof serviceNames)[number];

/** A service under the name that its manager knows: a systemd unit, a container, or a program (or `group:*`) of supervisor. */
export type Service = { systemd: string } | { docker: string } | { supervisor: string };

/** Queue workers as supervisor's config has them: `numprocs` of `[program:<program>]` in a file of its own or with others. */
export interface QueueWorkers {
  configFile: string;
  program: string;
  atMost: number;
}

/** How attackers are kept out of a host, and whom that may never meet. */
export interface Blocking {
  /** Networks and addresses that are never blocked: offices, monitoring, people, the responder. Empty blocks nothing. */
  allow: string[];
  /** Proxies, load balancers and CDNs in front: to block one would block everybody. */
  trustedProxies: string[];
  /** The web server's access log, whose lines begin with the client's address. Absolute. */
  accessLog: string;
  /** The command of ufw; or, where a proxy hides clients from the firewall, nginx with the real client address (its realip module). */
  by: { ufw: string[] } | { nginx: { denyFile: string; configTest: string[]; reload: string[] } };
}

/** An EBS volume that may grow, and how its space gets to a mount. */
export interface Volume {
  mount: string;
  /** `vol-…`. */
  id: string;
  /** Size that it may grow to, in GiB. */
  sizeGiB: number;
  /** The disk and partition below the file system: `{ disk: '/dev/nvme1n1', number: 1 }`. Absent if it is on the whole disk. */
  partition?: { disk: string; number: number };
  aws: string[];
  growpart: string[];
  resize2fs: string[];
  xfsGrowfs: string[];
}

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
  /** Where the number of queue workers is written, and how many there may be; absent where no runbook may change it. */
  queueWorkers?: QueueWorkers;
  /** What runs here and may be restarted by name; what is not listed is never restarted. */
  services?: Partial<Record<ServiceName, Service>>;
  /** Folders where copies of the OAuth keys may lie (`oauth-private.key`, `oauth-public.key`): a backup, a share of all hosts. */
  oauthKeySources?: string[];
  /** How attackers may be blocked here; absent where no runbook may block anybody. */
  blocking?: Blocking;
  /** Volumes that Increase Disk Space may let grow. */
  volumes?: Volume[];
  /** TLS certificates that this host serves. */
  certificates?: HostCertificate[];
}
