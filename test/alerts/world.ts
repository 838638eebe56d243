import type { Inventory } from '../../src/alerts/targets.js';
import { Secret } from '../../src/config.js';
import type { ConfiguredHost, EnvironmentConfig } from '../../src/config.js';
import type { Runbook } from '../../src/domain/runbook.js';

const ladder = { besides: [], told: [], levels: [] };

/** Two runbooks as the catalogue has them: the one that alerts are routed to by name, and the one for all others. */
export const runbooks: Runbook[] = [
  {
    type: 'diskSpaceCritical',
    title: 'Disk Space Critical',
    severity: 'Critical',
    target: 'host and mount',
    triggers: ['Disk usage > 90%'],
    impact: [],
    prevention: ['Set up disk space alerts at 80%'],
    ladder: { besides: ['Infrastructure Team'], told: [], levels: [{ afterMinutes: 15, role: 'Engineering Manager' }, { afterMinutes: 30, role: 'CTO' }] },
  },
  { type: 'generalTroubleshooting', title: 'General Troubleshooting', severity: 'Medium', target: 'environment', triggers: [], impact: [], prevention: [], ladder },
];

export function host(name: string, more: Partial<ConfiguredHost> = {}): ConfiguredHost {
  return {
    name,
    environment: 'production',
    aliases: [],
    root: '/var/www/authos',
    user: 'www-data',
    php: ['php'],
    restart: ['herd', 'restart'],
    timeZone: 'UTC',
    mounts: ['/'],
    archive: '/srv/archive',
    records: '/srv/records',
    protectedLogs: ['audit', 'security'],
    workersSupervised: true,
    ...more,
  };
}

export function environment(name: string, more: Partial<EnvironmentConfig> = {}): EnvironmentConfig {
  const authos = { url: `https://${name}.example.com`, token: new Secret('authos-token-0123456789') };
  return { name, authos, stores: ['default'], queues: ['default'], webhooks: [], domains: [`${name}.example.com`], ...more };
}

/** One environment with two hosts; `app-1` and its `/var` are what an alert without labels is about. */
export const inventory: Inventory = {
  environments: { production: environment('production') },
  hosts: {
    'app-1': host('app-1', { mounts: ['/', '/var'], aliases: ['10.0.0.11', 'app-1.internal', 'fd00::11'] }),
    'app-2': host('app-2'),
  },
  defaults: { host: 'app-1', mount: '/var' },
};
