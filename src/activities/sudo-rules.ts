import type { Host } from '../domain/inventory.js';
import type { RightName } from '../domain/rights.js';
import { restartCommand } from './service-manager.js';

/** One command that a host worker runs as somebody else. */
export interface SudoRule {
  /** What needs it, as docs/permissions.md calls it. */
  right: Extract<RightName, 'application' | 'restart' | 'services' | 'workers' | 'firewall' | 'web server' | 'certbot' | 'volume'>;
  /** The user it runs as. */
  as: string;
  program: string;
  /** POSIX extended regular expression of all arguments, joined by a space; any if absent. */
  args?: string;
  /** Arguments that it covers, where the expression is more than their text. */
  such?: string;
}

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
      matching('volume', resize2fs, '/dev/[A-Za-z0-9/_-]+', partition?.disk ?? '/dev/sda1'),
      exactly('volume', [...xfsGrowfs, mount]),
    ]),
  ];
  const once = new Map(rules.flatMap((rule) => (rule ? [[JSON.stringify([rule.as, rule.program, rule.args]), rule]] : [])));
  return [...once.values()];
}

function blockingRules(by: NonNullable<Host['blocking']>['by']): (SudoRule | undefined)[] {
  if ('nginx' in by) return [exactly('web server', by.nginx.configTest), exactly('web server', by.nginx.reload)];
  return [matching('firewall', by.ufw, 'status numbered'), matching('firewall', by.ufw, '(prepend|delete) deny proto tcp from [0-9a-f.:]+ to any port 80,443', 'prepend deny proto tcp from 192.0.2.1 to any port 80,443')];
}

function certbotRules(certbot: string[], name: string): (SudoRule | undefined)[] {
  const renew = ['renew', '--cert-name', name, '--non-interactive', '--no-random-sleep-on-renew'].map(escaped).join(' ');
  return [matching('certbot', certbot, `${renew}( --force-renewal)?`, unescaped(renew)), exactly('certbot', [...certbot, 'certificates', '--cert-name', name])];
}

/** Undefined for a command that needs no sudo. */
function exactly(right: SudoRule['right'], [first, ...words]: string[]): SudoRule | undefined {
  if (first !== 'sudo') return undefined;
  return asRoot(right, words[0] === '-n' ? words.slice(1) : words);
}

function matching(right: SudoRule['right'], [first, ...words]: string[], args: string, such?: string): SudoRule | undefined {
  const program = words.at(-1);
  return first === 'sudo' && program !== undefined ? { right, as: 'root', program, args, ...(such !== undefined && { such }) } : undefined;
}

function asRoot(right: SudoRule['right'], [program = '', ...args]: string[]): SudoRule {
  return { right, as: 'root', program, args: args.map(escaped).join(' ') };
}

const escaped = (word: string): string => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const unescaped = (args: string): string => args.replace(/\\(.)/g, '$1');

/** A command that the rule is for, as sudo is asked about it: `-u root -- ufw status numbered`. */
export function sudoQuestion({ as, program, args = '', such }: SudoRule): string[] {
  return ['-u', as, '--', program, ...(such ?? unescaped(args)).split(' ').filter((word) => word !== '')];
}
