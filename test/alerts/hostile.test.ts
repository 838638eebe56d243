import { describe, expect, it } from 'vitest';
import { alertmanager } from '../../src/alerts/alertmanager.js';
import { own } from '../../src/alerts/own.js';
import { route } from '../../src/alerts/routing.js';
import { locate } from '../../src/alerts/targets.js';
import type { Inventory } from '../../src/alerts/targets.js';
import { runbooks as procedures } from '../../src/catalogue.js';
import { plainRunbook } from '../../src/catalogue/plain.js';
import { incidentWorkflowId } from '../../src/domain/identity.js';
import { hostileTexts } from '../support/hostile.js';
import { environment, host } from './world.js';

const runbooks = procedures.map(plainRunbook);
const inventory: Inventory = {
  environments: { production: environment('production', { queues: ['default'], stores: ['redis'], webhooks: ['42'], domains: ['auth.example.com'] }) },
  hosts: { 'app-1': host('app-1') },
  defaults: {},
};
const context = { runbooks, inventory, source: 'test', acceptedAt: 1_000 };
const known = new Set(['production', 'app-1', '/', '/var', 'default', 'redis', '42', 'all', 'auth.example.com', 'database']);
const texts = Object.entries(hostileTexts('touch /tmp/pwned'));
const labelNames = ['environment', 'env', 'host', 'instance', 'mountpoint', 'database', 'store', 'queue', 'webhook_id', 'domain', 'target'];

/** Fields that lead somewhere: an id, a host, a folder, a name in SQL. */
function leadsTo({ place, alert: { runbook, target } }: ReturnType<typeof route>): string[] {
  const { name: _, hosts, ...parts } = place;
  const id = incidentWorkflowId(runbook, target);
  return [...hosts, ...Object.values(parts)].map(String).filter((word) => !known.has(word)).concat(/^incident\/[A-Za-z]+\/(?:x-[0-9a-f]{24}|[A-Za-z0-9._~-]+)$/.test(id) ? [] : [id]);
}

describe.each(runbooks.map(({ type }) => type))('an alert for %s', (runbook) => {
  it.each(texts)('with %s in every field leads nowhere but to names of the inventory', (_, text) => {
    const labels = Object.fromEntries([...labelNames.map((name) => [name, text]), ['runbook', runbook], [text, text]]);
    const bodies = [
      alertmanager.parse({ version: '4', alerts: [{ status: 'firing', labels, annotations: { summary: text, description: text, [text]: text }, startsAt: '2026-01-27T10:00:00Z' }] }),
      own.parse({ runbook, target: text.slice(0, 1_000), title: text, description: text, labels: { [text]: text } }),
    ];
    for (const [parsed] of bodies) {
      const routed = route(parsed!, context);
      expect(routed.alert.runbook).toBe(runbook);
      expect(leadsTo(routed)).toEqual([]);
      expect(routed.alert.title).not.toMatch(/[\p{Cc}\u202e]/u);
      expect(routed.alert.title.length).toBeLessThanOrEqual(300);
      expect(Object.getPrototypeOf(routed.alert.labels)).toBe(Object.prototype);
      // What it named is not there, so it is only looked at, and says so; a webhook that nobody knows is one of all.
      const { target, targetIsClear } = routed.alert;
      if (target !== 'production:all') expect([targetIsClear, target]).toEqual([false, expect.stringMatching(/ \(not in the inventory\)/)]);
      else expect(runbook).toBe('webhookDeliveryFailures');
    }
  });
});

describe('a domain', () => {
  it.each([
    ['auth.example.com:443', true],
    ['https://auth.example.com:443/login?next=/', true],
    ['auth.example.com:443:444', false],
    ['*.example.com', false],
    ['auth.example.com.', false],
    ['auth.example.com.evil.example', false],
    ['https://auth.example.com@evil.example/', false],
    ['evil.example/auth.example.com', false],
    ['xn--uth-5cd.example.com', false],
    ['аuth.example.com', false], // its first letter is Cyrillic
    ['müller.example.com', false],
    ['auth.example.com\u0000.evil.example', false],
    ['-auth.example.com', false],
  ])('called %j is ours: %s', (domain, clear) => {
    const located = locate('domain', { labels: { domain } }, inventory);
    expect([located.clear, located.place.domain]).toEqual([clear, 'auth.example.com']);
  });
});

describe('a webhook id', () => {
  it.each(['43', '../42', '42; drop table webhooks', '42\n', ' 42', '-42', '4.2e1', '__proto__'])('that is not one, %j, is none of the ones we know', (webhook_id) => {
    expect(locate('webhook id', { labels: { webhook_id } }, inventory).place.webhook).toBe('all');
  });
});
