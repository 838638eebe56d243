import { describe, expect, it } from 'vitest';
import { runbooks } from '../../src/catalogue.js';
import { Secret } from '../../src/config.js';
import type { Config } from '../../src/config.js';
import { peopleOf } from '../../src/config/people.js';
import { examinePeople } from '../../src/doctor/people.js';
import { examineSettings } from '../../src/doctor/settings.js';
import { type Roster, standardRoles } from '../../src/roster/roster.js';
import { roles } from '../../src/domain/runbook.js';
import { standardTimes } from '../../src/domain/times.js';

const day = 24 * 60 * 60_000;
const at = Date.UTC(2026, 10, 24, 12);
const token = new Secret('0123456789abcdef');
const everybody = peopleOf({});
const people = Object.fromEntries(Object.keys(everybody).map((id) => [id, { id, name: id, contacts: [{ email: `${id}@authos.test` }], token }]));
/** Nothing is wrong with it. */
const roster: Roster = { roles: { ...Object.fromEntries(roles.map((role) => [role, ['infra']])), ...standardRoles } };

const examined = (change: { roster?: Roster; people?: Config['people'] } = {}) =>
  examinePeople(runbooks, { at, until: at + 14 * day, config: { people, roster, times: standardTimes, ...change } });
const findings = (change?: Parameters<typeof examined>[0]) => examined(change).checks.filter(({ state }) => state === 'finding').map(({ subject, says }) => `${subject}: ${says}`);

describe('who is paged', () => {
  it('is right where every role has a holder of its own', () => {
    expect(findings()).toEqual([]);
  });

  it('is told for each runbook and level, as its ladder pages if nobody acknowledges', () => {
    const disk = examined().runbooks.find(({ runbook }) => runbook === 'diskSpaceCritical');
    expect(disk?.levels).toEqual([
      { level: 1, roles: [{ role: 'Primary', afterMs: 0 }, { role: 'Infrastructure Team', afterMs: 0 }, { role: 'Secondary', afterMs: 300_000 }, { role: 'Escalation contact', afterMs: 600_000 }] },
      { level: 2, roles: [{ role: 'Engineering Manager', afterMs: 15 * 60_000 }] },
      { level: 3, roles: [{ role: 'CTO', afterMs: 30 * 60_000 }] },
      { level: 'last resort', roles: [{ role: 'Escalation contact', afterMs: 90 * 60_000 }, { role: '24/7 Hotline', afterMs: 90 * 60_000 }] },
    ]);
    expect(examined().runbooks.map(({ runbook }) => runbook)).toEqual(runbooks.map(({ type }) => type));
  });

  it.each<[string, Parameters<typeof examined>[0], RegExp]>([
    ['a role without a holder', { roster: { roles: { ...roster.roles, CTO: [] } } }, /^CTO: nobody holds it; the Escalation contact is paged instead: engineering-manager$/],
    ['nobody at all', { roster: { roles: {} } }, /^Primary: nobody holds it; and no Escalation contact can be paged instead$/],
    ['a holder without an address', { people: { ...people, dba: { id: 'dba', name: 'dba', contacts: [] } } }, /^Database Administrator: nobody holds it/],
    ['an address of the examples', { people: { ...people, cto: everybody['cto']! } }, /^cto: cto@example\.com is only an example of an address$/],
    ['a primary who can not answer', { people: { ...people, 'ops-primary': { ...people['ops-primary']!, token: undefined } as unknown as Config['people'][string] } }, /^ops-primary: has no token/],
    ['a secondary who is the primary', { roster: { roles: { ...roster.roles, Secondary: ['ops-primary'] } } }, /^Secondary: ops-primary: only who is Primary too$/],
  ])('finds %s', (_what, change, says) => {
    expect(findings(change)).toEqual(expect.arrayContaining([expect.stringMatching(says) as string]));
  });

  it('finds gaps', () => {
    const gone = { role: 'Primary' as const, from: at + 3 * day + 7 * 60_000, until: at + 4 * day, people: ['nobody-can-reach'] };
    const change = { roster: { ...roster, overrides: [gone] }, people: { ...people, 'nobody-can-reach': { id: 'nobody-can-reach', name: 'x', contacts: [], token } } };
    expect(findings(change)).toEqual(['Primary: nobody holds it from 2026-11-27T12:07Z to 2026-11-28T12:00Z; the Escalation contact is paged instead: engineering-manager']);
    expect(examined(change).roster.find(({ role }) => role === 'Primary')?.held.map(({ people: who }) => who)).toEqual([['ops-primary'], ['engineering-manager'], ['ops-primary']]);
  });
});

describe('settings', () => {
  const blocking = { allow: ['198.51.100.0/24'], trustedProxies: [], accessLog: '/var/log/nginx/access.log', by: { ufw: ['ufw'] } };
  const config = {
    hosts: { 'app-1': { name: 'app-1', blocking } },
    channels: { email: { host: 'mail' }, log: {} },
    sources: { alertmanager: {} },
    encryption: { keys: [token] },
  } as unknown as Parameters<typeof examineSettings>[0];
  const states = (change: object, modes = { global: 'automatic' as const, runbooks: {} }) => examineSettings({ ...config, ...change }, modes).filter(({ state }) => state !== 'ok').map(({ state, subject }) => `${state}: ${subject}`);

  it.each<[string, object, string[]]>([
    ['nothing where all is set', {}, []],
    ['an empty allow-list', { hosts: { 'app-1': { name: 'app-1', blocking: { ...blocking, allow: [] } } } }, ['finding: hosts.app-1.blocking']],
    ['an allow-list of everybody', { hosts: { 'app-1': { name: 'app-1', blocking: { ...blocking, allow: ['::/0'] } } } }, ['finding: hosts.app-1.blocking']],
    ['a host where nobody is blocked', { hosts: { 'app-1': { name: 'app-1' } } }, ['note: hosts.app-1.blocking']],
    ['no way to people', { channels: { log: {} } }, ['finding: channels']],
    ['nobody who may send alerts', { sources: {} }, ['finding: sources']],
    ['a readable database', { encryption: { keys: [] } }, ['note: encryption']],
  ])('show %s', (_what, change, expected) => {
    expect(states(change)).toEqual(expected);
  });

  it('show a mode that does nothing by itself', () => {
    expect(examineSettings(config, { global: 'observe-only', runbooks: {} }).at(-1)).toMatchObject({ state: 'note', subject: 'mode of global' });
  });
});
