import { sudoRules, type SudoRule } from '../src/activities/sudo-rules.js';
import type { Host } from '../src/domain/inventory.js';

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
