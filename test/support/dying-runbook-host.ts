import { NativeConnection } from '@temporalio/worker';
import { loadConfig } from '../../src/config.js';
import { hostWorker } from '../../src/workers/build.js';
import { activitiesOfHost } from '../../src/workers/host-activities.js';
import { dieWithParent } from './die-with-parent.js';
import type { DeathPlan } from './worker-death.js';
import { quietRuntime } from './world.js';

/*
 * A process of its own with the worker of a real host: `node dying-runbook-host.ts <address> <config file> <host> '<deaths as
 * JSON>'`, the config's secrets in its environment. Each activity named in it begins, or does its real work, says so on standard
 * output, and never returns: it is there to be killed in the middle. `only` names fields that the input must have.
 */
dieWithParent();
const [address = '', file = '', host = '', deaths = '[]'] = process.argv.slice(2);
const wrapped: Record<string, unknown> = { ...activitiesOfHost(loadConfig({ file, env: process.env })) };
for (const { activity, moment, only } of JSON.parse(deaths) as DeathPlan[]) {
  const real = wrapped[activity] as (input: object) => Promise<unknown>;
  wrapped[activity] = async (input: object) => {
    const isMeant = Object.entries(only ?? {}).every(([field, value]) => Reflect.get(input, field) === value);
    if (!isMeant || moment === 'after') {
      const result = await real(input);
      if (!isMeant) return result;
    }
    process.stdout.write(`${activity} ${moment}\n`);
    return new Promise(() => undefined);
  };
}
quietRuntime();
const connection = await NativeConnection.connect({ address });
await (await hostWorker({ connection, namespace: 'default' }, host, wrapped)).run();
