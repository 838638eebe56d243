import { MockActivityEnvironment } from '@temporalio/testing';
import { loadConfig } from '../../src/config.js';
import { activitiesOfHost } from '../../src/workers/host-activities.js';

/** Prints what the worker of a host sees, for a test that runs this as another user: `examine-as.ts CONFIG HOST`. */
const [file = '', host = ''] = process.argv.slice(2);
const { examineHost } = activitiesOfHost(loadConfig({ file }));
console.log(JSON.stringify(await new MockActivityEnvironment().run(() => examineHost({ host, artisan: [] }))));
