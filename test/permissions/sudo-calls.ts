import { MockActivityEnvironment } from '@temporalio/testing';
import { artisan } from '../../src/activities/artisan-command.js';
import { certbotActivities } from '../../src/activities/certbot.js';
import { createScrub } from '../../src/activities/scrub.js';
import { askForRestart, serviceState } from '../../src/activities/service-manager.js';
import { serviceActivities } from '../../src/activities/services.js';
import { localShell } from '../../src/activities/shell.js';
import { queueWorkerActivities } from '../../src/activities/queue-workers.js';
import { ufwOf } from '../../src/activities/ufw.js';
import { volumeActivities } from '../../src/activities/volume-growth.js';
import type { Host } from '../../src/domain/inventory.js';

/*
 * Run as a user who is not root: does on a host, given as JSON, everything that takes sudo. What comes of it does not matter: the
 * program `sudo` of this PATH writes down what it was asked.
 */

const host = JSON.parse(process.argv[2] ?? '') as Host;
const scrub = createScrub([]);
const shell = localShell({ records: host.records, scrub });
const parts = { hosts: [host], shellOf: () => shell };
const place = { name: host.name, environment: host.environment, host: host.name, hosts: [host.name] };
const answering = { get: async () => ({ kind: 'answer' as const, status: 200, body: { status: 'ok' }, took: 1, at: Date.now() }) };

const services = serviceActivities({ ...parts, apiOf: () => answering as never });
const certbot = certbotActivities(parts);
const volumes = volumeActivities(parts);
const workers = queueWorkerActivities({ ...parts, databaseOf: () => undefined, services, scrub });
const ufw = ufwOf(shell, host.blocking && 'ufw' in host.blocking.by ? host.blocking.by.ufw : []);
const domain = host.certificates?.[0]?.domain ?? '';

const calls: (() => Promise<unknown>)[] = [
  () => artisan({ host, shell, command: 'queue:restart' }),
  () => services.restartApplication({ place }),
  ...(['postgresql', 'redis', 'workers'] as const).flatMap((name) => {
    const service = host.services?.[name];
    return service ? [() => askForRestart(shell, service), () => serviceState(shell, service)] : [];
  }),
  () => workers.setWorkerCount({ place, count: 2 }),
  () => ufw.rules(),
  ...['203.0.113.5', '2001:db8::bad'].flatMap((address) => [() => ufw.prepend(address), () => ufw.remove(address)]),
  ...[false, true].map((force) => () => certbot.renewCertificate({ place: { ...place, domain }, force })),
  () => certbot.verifyRenewal({ place: { ...place, domain } }),
  () => certbot.reloadWebServer({ place: { ...place, domain } }),
  // Once as one kind of file system, once as the other.
  ...[1, 2].map(() => () => volumes.growFileSystem({ place: { ...place, mount: host.volumes?.[0]?.mount } })),
];
for (const call of calls) await new MockActivityEnvironment().run(call);
