import { NativeConnection } from '@temporalio/worker';
import { loadConfig } from '../../src/config.js';
import { hostWorker } from '../../src/workers/build.js';
import { activitiesOfHost } from '../../src/workers/host-activities.js';
import { dieWithParent } from './die-with-parent.js';
import type { DeathPlan } from './worker-death.js';
import { quietRuntime } from './world.js';

/*
 * A process of its own with the workers of a real host, one for each of its names: `node dying-runbook-host.ts <address> <config
 * file> '<deaths as JSON>'`, the config's secrets in its environment. The activity named for each begins, or does its real work,
 * says so on standard output, and never returns: it is there to be killed in the middle. `only` names fields that the input must
 * have.
 */
dieWithParent();
const [address = '', file = '', deaths = '[]'] = process.argv.slice(2);
const activities: Record<string, unknown> = activitiesOfHost(loadConfig({ file, env: process.env }));

function dyingIn({ activity, moment, only }: DeathPlan): object {
  const real = activities[activity] as (input: object) => Promise<unknown>;
  const dying = async (input: object): Promise<unknown> => {
    const isMeant = Object.entries(only ?? {}).every(([field, value]) => Reflect.get(input, field) === value);
    if (!isMeant || moment === 'after') {
      const result = await real(input);
      if (!isMeant) return result;
    }
    process.stdout.write(`${activity} ${moment}\n`);
    return new Promise(() => undefined);
  };
  return { ...activities, [activity]: dying };
}

quietRuntime();
const connection = await NativeConnection.connect({ address });
await Promise.all((JSON.parse(deaths) as DeathPlan[]).map(async (plan) => (await hostWorker({ connection, namespace: 'default' }, plan.host, dyingIn(plan))).run()));
