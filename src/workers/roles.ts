import type { Config } from '../config.js';
import { UsageError } from '../usage-error.js';

/** What one worker process does: incidents and pages; runs; or the work on one host. */
export type WorkerRole = 'incidents' | 'runs' | `host:${string}`;

/** Every role that the config asks for: each in a process of its own, so that none can take another down. */
export function allRoles(config: Pick<Config, 'hosts'>): WorkerRole[] {
  return ['incidents', 'runs', ...Object.keys(config.hosts).map((name): WorkerRole => `host:${name}`)];
}

/** The roles named on the command line; all of them without a name. Throws `UsageError` for one that is none. */
export function rolesFrom(args: readonly string[], config: Pick<Config, 'hosts'>): WorkerRole[] {
  const known = allRoles(config);
  const roles = args.filter((arg): arg is WorkerRole => (known as string[]).includes(arg));
  const unknown = args.filter((arg) => !(known as string[]).includes(arg));
  if (unknown.length > 0) throw new UsageError(`no such role: ${unknown.join(', ')}; there are ${known.join(', ')}`);
  return roles.length > 0 ? roles : known;
}
