import { restartCommand } from '../src/activities/service-manager.js';
import type { Host } from '../src/domain/inventory.js';

/** One command that a host worker runs as somebody else. */
export interface SudoRule {
  /** What needs it, as docs/permissions.md calls it. */
  right: 'application' | 'restart' | 'services' | 'workers' | 'firewall' | 'web server' | 'certbot' | 'volume';
  /** The user it runs as. */
  as: string;
  program: string;
  /** POSIX extended regular expression of all arguments, joined by a space; any if absent. */
  args?: string;
}

/** responder.example.yaml with everything switched on that is commented out there. */
export const exampleHost: Host = {
  name: 'app-1',
  environment: 'production',
  root: '/var/www/authos',
  user: 'www-data',
  php: ['php'],
  restart: ['sudo', '-n', 'systemctl', 'reload', 'php8.3-fpm'],
  timeZone: 'Europe/Berlin',
  mounts: ['/', '/var'],
  archive: '/var/lib/authos-responder/archive',
  records: '/var/lib/authos-responder/records',
  protectedLogs: ['audit', 'security'],
  workersSupervised: true,
  queueWorkers: { configFile: '/etc/supervisor/conf.d/authos-workers.conf', program: 'authos-worker', atMost: 8 },
  services: {
    postgresql: { systemd: 'postgresql@15-main' },
    redis: { systemd: 'redis-server' },
    php: { systemd: 'php8.3-fpm' },
    workers: { supervisor: 'authos-worker:*' },
    nginx: { systemd: 'nginx' },
  },
  blocking: { allow: ['198.51.100.0/24'], trustedProxies: [], accessLog: '/var/log/nginx/access.log', by: { ufw: ['sudo', '-n', 'ufw'] } },
  volumes: [
    {
      mount: '/var',
      id: 'vol-0123456789abcdef0',
      sizeGiB: 200,
      partition: { disk: '/dev/nvme1n1', number: 1 },
      aws: ['aws'],
      growpart: ['sudo', '-n', 'growpart'],
      resize2fs: ['sudo', '-n', 'resize2fs'],
      xfsGrowfs: ['sudo', '-n', 'xfs_growfs'],
    },
  ],
  certificates: [
    {
      domain: 'auth.example.com',
      port: 443,
      addresses: [],
      chainFile: '/etc/letsencrypt/live/auth.example.com/fullchain.pem',
      keyFile: '/etc/letsencrypt/live/auth.example.com/privkey.pem',
      certbotName: 'auth.example.com',
      certbot: ['sudo', '-n', 'certbot'],
      configTest: ['sudo', '-n', 'nginx', '-t'],
      reload: ['sudo', '-n', 'systemctl', 'reload', 'nginx'],
    },
  ],
};

/** Services that a runbook restarts by name. PHP is restarted as `restart` says, nginx reloaded. */
const restarted = ['postgresql', 'redis', 'workers'];

/** Everything that the worker of this host runs by sudo, and nothing else; each once. */
export function sudoRules(host: Host): SudoRule[] {
  const { services = {}, blocking, volumes = [], certificates = [], queueWorkers } = host;
  const rules: (SudoRule | undefined)[] = [
    // `env` sets the few variables that a command gets: sudo would drop them.
    { right: 'application', as: host.user, program: 'env' },
    exactly('restart', host.restart),
    ...Object.entries(services).flatMap(([name, service]) => {
      const right = 'supervisor' in service ? 'workers' : 'services';
      return [
        'docker' in service || !restarted.includes(name) ? undefined : asRoot(right, restartCommand(service)),
        'supervisor' in service ? asRoot(right, ['supervisorctl', 'status', service.supervisor]) : undefined,
      ];
    }),
    ...(queueWorkers ? [['reread'], ['update'], ['status', `${queueWorkers.program}:*`]].map((args) => asRoot('workers', ['supervisorctl', ...args])) : []),
    ...(blocking ? blockingRules(blocking.by) : []),
    ...certificates.flatMap(({ certbot, certbotName, configTest, reload }) => [
      exactly('web server', configTest),
      exactly('web server', reload),
      ...(certbotName === undefined ? [] : certbotRules(certbot, certbotName)),
    ]),
    ...volumes.flatMap(({ mount, partition, growpart, resize2fs, xfsGrowfs }) => [
      partition && exactly('volume', [...growpart, partition.disk, String(partition.number)]),
      matching('volume', resize2fs, '/dev/[A-Za-z0-9/_-]+'),
      exactly('volume', [...xfsGrowfs, mount]),
    ]),
  ];
  const once = new Map(rules.flatMap((rule) => (rule ? [[sudoLine(rule), rule]] : [])));
  return [...once.values()];
}

function blockingRules(by: NonNullable<Host['blocking']>['by']): (SudoRule | undefined)[] {
  if ('nginx' in by) return [exactly('web server', by.nginx.configTest), exactly('web server', by.nginx.reload)];
  return [matching('firewall', by.ufw, 'status numbered'), matching('firewall', by.ufw, '(prepend|delete) deny proto tcp from [0-9a-f.:]+ to any port 80,443')];
}

function certbotRules(certbot: string[], name: string): (SudoRule | undefined)[] {
  const renew = ['renew', '--cert-name', name, '--non-interactive', '--no-random-sleep-on-renew'].map(escaped).join(' ');
  return [matching('certbot', certbot, `${renew}( --force-renewal)?`), exactly('certbot', [...certbot, 'certificates', '--cert-name', name])];
}

/** Undefined for a command that needs no sudo. */
function exactly(right: SudoRule['right'], [first, ...words]: string[]): SudoRule | undefined {
  if (first !== 'sudo') return undefined;
  return asRoot(right, words[0] === '-n' ? words.slice(1) : words);
}

function matching(right: SudoRule['right'], [first, ...words]: string[], args: string): SudoRule | undefined {
  const program = words.at(-1);
  return first === 'sudo' && program !== undefined ? { right, as: 'root', program, args } : undefined;
}

function asRoot(right: SudoRule['right'], [program = '', ...args]: string[]): SudoRule {
  return { right, as: 'root', program, args: args.map(escaped).join(' ') };
}

const escaped = (word: string): string => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Where Debian has them. */
const folders: Record<string, string> = { nginx: '/usr/sbin', ufw: '/usr/sbin', resize2fs: '/usr/sbin', xfs_growfs: '/usr/sbin' };

/** The rule as a line of sudoers. Expressions need sudo 1.9.10; a wildcard in their place would take any further words. */
export function sudoLine({ as, program, args }: SudoRule): string {
  const path = `${folders[program] ?? '/usr/bin'}/${program}`;
  return `responder ALL=(${as}) NOPASSWD: ${path}${args === undefined ? '' : ` ^${args}$`}`;
}

/** A whole file for sudoers.d. */
export function sudoersText(host: Host): string {
  const rules = sudoRules(host);
  const groups = [...new Set(rules.map(({ right }) => right))];
  return [
    '# Written by `npm run docs` for the host of responder.example.yaml: what its worker, the user responder, runs by sudo.',
    '# Leave out what you do not automate: the step then fails in the words of sudo, and a person is asked. docs/permissions.md',
    '# says which step needs which line. Take this as /etc/sudoers.d/authos-responder, mode 440, after `visudo -cf`.',
    '',
    'Defaults:responder !requiretty',
    ...groups.flatMap((group) => ['', `# ${group}`, ...rules.filter(({ right }) => right === group).map(sudoLine)]),
    '',
  ].join('\n');
}
