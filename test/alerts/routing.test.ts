import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { alertmanager } from '../../src/alerts/alertmanager.js';
import type { ParsedAlert } from '../../src/alerts/format.js';
import { route } from '../../src/alerts/routing.js';
import { locate } from '../../src/alerts/targets.js';
import type { Inventory } from '../../src/alerts/targets.js';
import { incidentWorkflowId } from '../../src/domain/identity.js';
import { environment, host, inventory, runbooks } from './world.js';

const context = { runbooks, inventory, source: 'test', acceptedAt: 1_000 };
const parsed = (labels: Record<string, string>, more: Partial<ParsedAlert> = {}): ParsedAlert => ({
  status: 'firing',
  title: 'x',
  description: '',
  labels,
  ...more,
});

describe('routing', () => {
  it('sends the alerts of a captured group to their incidents', async () => {
    const body: unknown = JSON.parse(await readFile(new URL('./fixtures/alertmanager-disk.json', import.meta.url), 'utf8'));
    const routed = alertmanager.parse(body).map((alert) => route(alert, context));
    expect(routed.map(({ alert }) => [alert.runbook, alert.target, alert.severity, alert.targetIsClear])).toEqual([
      ['diskSpaceCritical', 'app-1:/var', 'Critical', true],
      ['diskSpaceCritical', 'app-2:/', 'Critical', true],
      ['generalTroubleshooting', 'production', 'Critical', true],
    ]);
    expect(routed[0]?.place).toEqual({ name: 'app-1:/var', environment: 'production', host: 'app-1', hosts: ['app-1', 'app-2'], mount: '/var' });
  });

  it.each([
    ['DiskSpaceCritical', 'diskSpaceCritical'],
    ['HostOutOfDiskSpace', 'diskSpaceCritical'],
    ['NodeFilesystemFilesFillingUp', 'diskSpaceCritical'],
    ['KubePodCrashLooping', 'generalTroubleshooting'],
    ['', 'generalTroubleshooting'],
  ])('takes an alert named %j to %s', (alertname, runbook) => {
    expect(route(parsed({ alertname }), context).alert.runbook).toBe(runbook);
  });

  it('prefers the runbook that the alert names, by field or label', () => {
    expect(route(parsed({ alertname: 'X', runbook: 'diskSpaceCritical' }), context).alert.runbook).toBe('diskSpaceCritical');
    expect(route(parsed({ alertname: 'DiskFull' }, { runbook: 'generalTroubleshooting' }), context).alert.runbook).toBe('generalTroubleshooting');
  });

  it('drops no alert because nobody wrote a runbook: it says so in a label', () => {
    const { alert } = route(parsed({}, { runbook: 'coffeeMachine' }), context);
    expect(alert.runbook).toBe('generalTroubleshooting');
    expect(alert.labels.responder_note).toBe('there is no runbook "coffeeMachine"');
  });

  it("keeps a runbook's own severity, except where the runbook has none of its own or a person chose", () => {
    const disk = parsed({ alertname: 'DiskSpaceCritical' }, { severity: 'Medium' });
    expect(route(disk, context).alert.severity).toBe('Critical');
    expect(route(disk, { ...context, byHand: true }).alert.severity).toBe('Medium');
    expect(route(parsed({}, { severity: 'High' }), context).alert.severity).toBe('High');
  });

  it.each([
    ['Critical', [[15, 'Escalation contact'], [30, 'CTO']]],
    ['High', [[30, 'Escalation contact']]],
    ['Medium', [[60, 'Escalation contact']]],
  ] as const)('gives a general alert of severity %s its own ladder', (severity, levels) => {
    expect(route(parsed({}, { severity }), context).ladder.levels.map(({ afterMinutes, role }) => [afterMinutes, role])).toEqual(levels);
  });
});

describe('the target', () => {
  const disk = (labels: Record<string, string>, target?: string, where: Inventory = inventory) =>
    locate('host and mount', { labels, ...(target !== undefined && { target }) }, where);

  it.each([
    ['a label', { host: 'app-2' }, undefined, 'app-2:/'],
    ['an instance with a port', { instance: 'app-1:9100', mountpoint: '/var' }, undefined, 'app-1:/var'],
    ['an alias', { instance: 'app-1.internal:9100', mount: '/' }, undefined, 'app-1:/'],
    ['an IPv6 address', { instance: '[fd00::11]:9100', mountpoint: '/var/' }, undefined, 'app-1:/var'],
    ['capitals', { host: 'APP-2' }, undefined, 'app-2:/'],
    ['the defaults', {}, undefined, 'app-1:/var'],
    ['its own field', { host: 'app-1' }, 'app-2:/', 'app-2:/'],
    ['its own field without a mount', {}, 'app-1', 'app-1:/var'],
  ])('is found by %s', (_what, labels, target, name) => {
    const { place, clear } = disk(labels, target);
    expect([place.name, clear]).toEqual([name, true]);
  });

  it.each([
    ['a host nobody knows', { host: 'evil' }, undefined],
    ['a mount nobody knows', { host: 'app-1', mountpoint: '/srv' }, undefined],
    ['a path that climbs', {}, 'app-1:/../../etc'],
    ['a path instead of a host', {}, '../../../etc/passwd'],
    ['a command', { host: '$(reboot)' }, undefined],
    ['no letters', { host: '💣' }, undefined],
    ['a name of Object', { host: '__proto__', mountpoint: 'constructor' }, undefined],
  ])('is not clear for %s, and its words reach no id or path', (_what, labels, target) => {
    const { place, clear } = disk(labels, target);
    expect(clear).toBe(false);
    expect(['app-1', 'app-2']).toContain(place.host);
    expect(['/', '/var']).toContain(place.mount);
    expect(incidentWorkflowId('diskSpaceCritical', place.name)).toMatch(/^incident\/diskSpaceCritical\/x-[0-9a-f]{24}$/);
  });

  it('has room in a search attribute of PostgreSQL, however long the word of an alert', () => {
    const { name } = disk({ host: `https://${'a'.repeat(2_000)}/`, mountpoint: `/${'b'.repeat(2_000)}` }).place;
    expect(name.length).toBeLessThanOrEqual(255);
    expect(name).toMatch(/^https:\/\/a+… \(not in the inventory\)$/);
  });

  it('is an incident of its own where several fit, so that a clear alert is not held back by it', () => {
    const several: Inventory = { ...inventory, defaults: {} };
    const unclear = disk({}, undefined, several);
    expect(unclear.clear).toBe(false);
    expect(unclear.place.name).toBe('a host of several (app-1, app-2):a mount of several (/, /var)');
    expect(disk({ host: 'app-1', mountpoint: '/var' }, undefined, several).place.name).not.toBe(unclear.place.name);
  });

  it('is clear without a default where there is only one', () => {
    const single: Inventory = { environments: inventory.environments, hosts: { 'app-2': host('app-2') }, defaults: {} };
    expect(disk({}, undefined, single)).toMatchObject({ clear: true, place: { name: 'app-2:/' } });
  });

  const two: Inventory = {
    environments: { production: environment('production', { queues: ['default', 'mail'], webhooks: ['42'] }), staging: environment('staging') },
    hosts: { 'app-1': host('app-1'), 'stage-1': host('stage-1', { environment: 'staging' }) },
    defaults: { environment: 'production' },
  };
  it.each([
    ['environment', { environment: 'staging' }, undefined, 'staging', true, 'stage-1'],
    ['environment', { instance: 'stage-1:9100' }, undefined, 'staging', true, 'stage-1'],
    ['environment', {}, undefined, 'production', true, 'app-1'],
    ['environment', { env: 'qa' }, undefined, 'qa (not in the inventory)', false, 'app-1'],
    ['queue', { queue: 'mail' }, undefined, 'production:mail', true, 'app-1'],
    ['queue', {}, 'staging:default', 'staging:default', true, 'stage-1'],
    ['queue', {}, undefined, 'production:a queue of several (default, mail)', false, 'app-1'],
    ['webhook id', { webhook_id: '42' }, undefined, 'production:42', true, 'app-1'],
    ['webhook id', { webhook_id: '43' }, undefined, 'production:all', true, 'app-1'],
    ['domain', { instance: 'https://production.example.com/login' }, undefined, 'production:production.example.com', true, 'app-1'],
    ['database', {}, undefined, 'production:database', true, 'app-1'],
    ['cache store', { store: 'redis' }, undefined, 'production:redis (not in the inventory)', false, 'app-1'],
  ] as const)('of kind %s with %j and %j is %s', (kind, labels, target, name, clear, hostName) => {
    const located = locate(kind, { labels, ...(target !== undefined && { target }) }, two);
    expect([located.place.name, located.clear, located.place.host]).toEqual([name, clear, hostName]);
  });
});
