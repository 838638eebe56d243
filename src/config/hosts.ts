import { z } from 'zod';
import { serviceNames } from '../domain/inventory.js';
import { timeZone } from './time-zone.js';
import { command, folder, mountPoint, name, port } from './values.js';

// Each name is an argument of systemctl, docker or supervisorctl: none may look like an option.
const serviceName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9@:._*-]{0,99}$/, 'must be the name of a unit, a container or a program');
const service = z.union(
  [z.strictObject({ systemd: serviceName }), z.strictObject({ docker: serviceName }), z.strictObject({ supervisor: serviceName })],
  'must be one of { systemd: unit }, { docker: container }, { supervisor: program }',
);

const certificate = z.strictObject({
  domain: name,
  port: port.default(443),
  /** Where to connect instead of asking DNS. */
  addresses: z.array(z.union([z.ipv4(), z.ipv6()])).default([]),
  chainFile: folder,
  keyFile: folder,
  certbotName: name.optional(),
  certbot: command.default(['sudo', '-n', 'certbot']),
  configTest: command.default(['sudo', '-n', 'nginx', '-t']),
  reload: command.default(['sudo', '-n', 'systemctl', 'reload', 'nginx']),
  manual: z.strictObject({ chainFile: folder, keyFile: folder }).optional(),
  trust: folder.optional(),
});

const network = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'must be an address or a network such as 192.0.2.0/24');

const blocking = z.strictObject({
  // Nobody who forgot to say whom never to block may have anybody blocked.
  allow: z.array(network).min(1, 'must name whom never to block: offices, monitoring, the responder, people'),
  trustedProxies: z.array(network).default([]),
  accessLog: folder.default('/var/log/nginx/access.log'),
  by: z
    .union(
      [
        z.strictObject({ ufw: command }),
        z.strictObject({
          nginx: z.strictObject({
            denyFile: folder,
            configTest: command.default(['sudo', '-n', 'nginx', '-t']),
            reload: command.default(['sudo', '-n', 'systemctl', 'reload', 'nginx']),
          }),
        }),
      ],
      'must be one of { ufw: command }, { nginx: { denyFile: path } }',
    )
    .default({ ufw: ['sudo', '-n', 'ufw'] }),
});

const volume = z.strictObject({
  mount: mountPoint,
  id: z.string().regex(/^vol-[0-9a-f]{8,32}$/, 'must be the id of an EBS volume: vol-…'),
  sizeGiB: z.int().min(1).max(65_536),
  partition: z
    .strictObject({ disk: z.string().regex(/^\/dev\/[A-Za-z0-9/_-]{1,60}$/, 'must be a disk such as /dev/nvme1n1'), number: z.int().min(1).max(128) })
    .optional(),
  aws: command.default(['aws']),
  growpart: command.default(['sudo', '-n', 'growpart']),
  resize2fs: command.default(['sudo', '-n', 'resize2fs']),
  xfsGrowfs: command.default(['sudo', '-n', 'xfs_growfs']),
});

const host = z.strictObject({
  environment: name,
  /** Other names of this host in alerts: a DNS name, an address. */
  aliases: z.array(z.string().min(1)).default([]),
  root: folder.refine((path) => path !== '/', 'must not be the root of the file system'),
  user: name.default('www-data'),
  php: command.default(['herd', 'php']),
  restart: command.default(['herd', 'restart']),
  composer: command.default(['composer']),
  // An argument of git: none may look like an option or a range.
  previousDeployment: z.string().regex(/^[A-Za-z0-9_](?!.*\.\.)[A-Za-z0-9_./-]{0,199}$/, 'must be the name of a git tag or branch').optional(),
  timeZone: timeZone.default('UTC'),
  mounts: z.array(mountPoint).min(1).default(['/']),
  archive: folder.default('/var/lib/authos-responder/archive'),
  records: folder.default('/var/lib/authos-responder/records'),
  protectedLogs: z.array(name).default(['audit', 'security']),
  workersSupervised: z.boolean().default(false),
  /** Lets Increase Worker Processes write numprocs into supervisor's config. */
  queueWorkers: z.strictObject({ configFile: folder, program: name, atMost: z.int().min(1).max(200) }).optional(),
  services: z.partialRecord(z.enum(serviceNames), service).default({}),
  oauthKeySources: z.array(folder).default([]),
  certificates: z.array(certificate).default([]),
  blocking: blocking.optional(),
  volumes: z.array(volume).default([]),
});

/** The section `hosts`, by name: where AuthOS runs, and by which commands it is examined and cured there. */
export const hostsSection = z.record(name, host);
