import { NativeConnection } from '@temporalio/worker';
import { hostWorker } from '../../src/workers/build.js';
import { dieWithParent } from './die-with-parent.js';
import { hostNeeding, type practiceActs } from './practice-host.js';

/*
 * A process of its own with the workers of several hosts: `node dying-host.ts <address> '<{"host": "act it needs"}>'`. Each
 * act begins, says so on standard output, and never ends: it is there to be killed in the middle.
 */
dieWithParent();
const [address, needs] = process.argv.slice(2);
const connection = await NativeConnection.connect({ address: address ?? '' });
await Promise.all(
  Object.entries(JSON.parse(needs ?? '{}') as Record<string, (typeof practiceActs)[number]>).map(async ([name, act]) => {
    const host = hostNeeding(act);
    host.onCure = () => {
      process.stdout.write(`${name} begins\n`);
      return new Promise(() => undefined);
    };
    await (await hostWorker({ connection, namespace: 'default' }, name, host.activities)).run();
  }),
);
