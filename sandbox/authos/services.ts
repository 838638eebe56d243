import type { PostgresServer } from '../servers/postgres.js';
import type { ValkeyServer } from '../servers/valkey.js';
import type { ControlVerb } from './control.js';

/** A service as its manager sees it. */
interface Managed {
  /** Changes with every start; 0 while it does not run. */
  pid: () => number;
  start: () => Promise<void>;
  stop: () => Promise<void>;
}

/** Names under which the sandbox's systemctl and docker know its servers. */
export const serviceUnits = { postgresql: 'postgresql@18-authos', redis: 'authos-redis' } as const;

/**
 * What `systemctl` and `docker` ask of the sandbox: state and restart of its own servers, by the names above. A restart is a
 * real one; its words are the server's when it does not start.
 */
export function serviceVerbs({ postgres, valkey }: { postgres: PostgresServer; valkey: ValkeyServer }): Record<string, ControlVerb> {
  const services: Record<string, Managed> = {
    [serviceUnits.postgresql]: { pid: () => alive(postgres.pid), start: () => postgres.restart(), stop: () => postgres.stop() },
    [serviceUnits.redis]: { pid: () => alive(valkey.pid), start: () => valkey.restart(), stop: () => valkey.stop() },
  };
  /** When each process was first seen: right after its start, since starts go through here. */
  const seen = new Map<number, number>();
  const stateOf = (service: Managed): { running: boolean; startedAt: number } => {
    const pid = service.pid();
    if (pid !== 0 && !seen.has(pid)) seen.set(pid, Date.now());
    return { running: pid !== 0, startedAt: seen.get(pid) ?? 0 };
  };
  const named = (body: Record<string, unknown>): Managed => {
    const service = services[String(body['unit'])];
    if (service === undefined) throw new Error(`no such unit: ${String(body['unit'])}`);
    return service;
  };
  for (const service of Object.values(services)) stateOf(service);
  return {
    'service/state': async (body) => JSON.stringify(stateOf(named(body))),
    'service/restart': async (body) => {
      const service = named(body);
      await service.start(); // which stops it first
      return JSON.stringify(stateOf(service));
    },
    'service/stop': async (body) => {
      await named(body).stop();
      return 'stopped';
    },
  };
}

function alive(pid: number): number {
  try {
    process.kill(pid, 0);
    return pid;
  } catch {
    return 0;
  }
}
