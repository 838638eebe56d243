import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { authos } from '../../src/alerts/authos.js';
import { cloudEvents } from '../../src/alerts/cloud-events.js';
import { cloudwatch } from '../../src/alerts/cloudwatch.js';
import { AlertFormatError } from '../../src/alerts/format.js';
import type { AlertFormat } from '../../src/alerts/format.js';
import { generic, mappingSchema } from '../../src/alerts/generic.js';
import { grafana } from '../../src/alerts/grafana.js';
import { prometheus } from '../../src/alerts/prometheus.js';
import { sentry } from '../../src/alerts/sentry.js';
import { uptimeKuma } from '../../src/alerts/uptime-kuma.js';

const captured = async (name: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8')) as Record<string, unknown>;

describe('Grafana', () => {
  it('gives each alert of a group its own status, and keeps what else it says as labels', async () => {
    const alerts = grafana.parse(await captured('grafana'));
    expect(alerts.map(({ status, title, severity }) => [status, title, severity])).toEqual([
      ['firing', 'This alert was triggered for zone us-1', undefined],
      ['resolved', 'Disk usage', 'Critical'],
    ]);
    expect(alerts[0]?.labels).toMatchObject({ alertname: 'High memory usage', team: 'blue', 'values.B': '44.23943737541908', fingerprint: 'c6eadffa33fcdf37' });
  });
});

describe('Prometheus without an Alertmanager', () => {
  it('has resolved an alert whose end has passed', async () => {
    const alerts = prometheus.parse(await captured('prometheus'), Date.parse('2026-01-27T20:40:00Z'));
    expect(alerts.map(({ status, labels }) => [labels.alertname, status])).toEqual([
      ['NodeFilesystemAlmostOutOfSpace', 'firing'],
      ['RedisDown', 'resolved'],
    ]);
  });

  it('fires an alert that has no end, or the zero time of Go', () => {
    const body = [{ labels: { alertname: 'X' } }, { labels: { alertname: 'Y' }, endsAt: '0001-01-01T00:00:00Z' }];
    expect(prometheus.parse(body).map(({ status }) => status)).toEqual(['firing', 'firing']);
  });
});

describe('AuthOS', () => {
  it('fires what triggers a runbook, resolves what is healthy, and says nothing of what is neither', async () => {
    const alerts = authos.parse(await captured('authos-detailed'));
    expect(alerts.map(({ status, labels }) => [labels.alertname, status])).toEqual([
      ['AuthosDatabase', 'resolved'],
      ['AuthosCache', 'firing'],
      ['AuthosOauth', 'firing'],
      ['AuthosStorage', 'resolved'],
      ['AuthosQueue', 'firing'],
    ]);
    expect(alerts[1]).toMatchObject({ title: 'AuthOS: cache: Connection refused', labels: { environment: 'production', driver: 'redis' }, startsAt: '2026-01-27T21:38:45+01:00' });
  });

  it('is read by component and as monitor:health prints it', async () => {
    expect(authos.parse(await captured('authos-component'))).toMatchObject([{ status: 'firing', labels: { alertname: 'AuthosDiskSpace', used_percentage: '93.4' } }]);
    expect(authos.parse(await captured('authos-monitor')).map(({ status, labels }) => [labels.alertname, status, labels.value])).toEqual([
      ['AuthosErrorRate', 'firing', '14'],
      ['AuthosResponseTime', 'resolved', '40'],
    ]);
  });
});

describe('CloudWatch through SNS', () => {
  const notification = async (change: Record<string, unknown> = {}) => {
    const [envelope, alarm] = [await captured('sns'), await captured('cloudwatch-alarm')];
    return cloudwatch.parse({ ...envelope, Message: JSON.stringify({ ...alarm, ...change }) });
  };

  it('makes labels of its dimensions', async () => {
    expect(await notification()).toMatchObject([
      {
        status: 'firing',
        title: 'authos-database-connections',
        labels: { alertname: 'authos-database-connections', DBInstanceIdentifier: 'authos', namespace: 'AWS/RDS' },
        startsAt: '2026-01-27T20:38:45.502+00:00',
      },
    ]);
  });

  it.each([['OK', 'resolved', 'authos-database-connections'], ['INSUFFICIENT_DATA', 'firing', 'No data: authos-database-connections']])('reads %s as %s', async (NewStateValue, status, title) => {
    expect(await notification({ NewStateValue })).toMatchObject([{ status, title }]);
  });

  it('finds no alert in a subscription', async () => {
    expect(cloudwatch.parse({ ...(await captured('sns')), Type: 'SubscriptionConfirmation' })).toEqual([]);
  });
});

describe('Uptime Kuma', () => {
  it('names the alert after its monitor', async () => {
    expect(uptimeKuma.parse(await captured('uptime-kuma'))).toMatchObject([
      { status: 'firing', description: 'connect ECONNREFUSED 10.0.0.11:5432', labels: { alertname: 'AuthOS database', instance: '10.0.0.11', 'monitor.type': 'port' } },
    ]);
  });

  it.each([[1, ['resolved']], [2, []], [3, []]])('reads status %i as %j', async (status, expected) => {
    const body = await captured('uptime-kuma');
    expect(uptimeKuma.parse({ ...body, heartbeat: { ...(body.heartbeat as object), status } }).map((alert) => alert.status)).toEqual(expected);
  });

  it('takes a warning of a certificate, which has no heartbeat', () => {
    const body = { heartbeat: null, monitor: null, msg: '[AuthOS][https://auth.example.com] certificate will be expired in 7 days' };
    expect(uptimeKuma.parse(body)).toMatchObject([{ status: 'firing', labels: { alertname: 'CertificateExpiry' } }]);
  });
});

describe('Sentry', () => {
  it('is read by its rule', async () => {
    const body = await captured('sentry-metric');
    expect(sentry.parse(body)).toMatchObject([{ status: 'firing', severity: 'Critical', title: 'Critical: Too many errors', labels: { alertname: 'Too many errors', environment: 'production' }, startsAt: '2020-09-13T12:26:40.000000Z' }]);
    expect(sentry.parse({ ...body, action: 'resolved' })).toMatchObject([{ status: 'resolved' }]);
  });

  it('leaves the request of whoever met the error behind', async () => {
    const alerts = sentry.parse(await captured('sentry-issue'));
    expect(alerts).toMatchObject([{ status: 'firing', severity: 'High', title: 'ReferenceError: heck is not defined', labels: { alertname: 'Very Important Alert Rule!' } }]);
    expect(JSON.stringify(alerts)).not.toContain('do-not-keep-this');
  });
});

describe('CloudEvents', () => {
  it('takes one and a batch, with the fields of the data that are named as ours', async () => {
    const event = await captured('cloudevents');
    const [alert] = cloudEvents.parse(event);
    expect(alert).toMatchObject({
      status: 'firing',
      severity: 'Critical',
      target: 'app-1:/var',
      title: 'Disk of app-1 is 93 % full',
      labels: { alertname: 'com.example.DiskSpaceCritical', host: 'app-1', subject: 'app-1', comexampleextension1: 'value', 'data.usedPercent': '93' },
    });
    expect(cloudEvents.parse([event, { ...event, type: 'com.example.disk.resolved', data: {} }]).map(({ status }) => status)).toEqual(['firing', 'resolved']);
  });
});

describe('any JSON with a mapping', () => {
  const mapping = mappingSchema.parse({
    title: '/event/name',
    alertname: '/event/name',
    status: '/event/state',
    resolved: ['ok', 'RECOVERED'],
    severity: '/event/urgency',
    startsAt: '/event/since',
  });

  it('is read where the mapping points, and the rest becomes labels', async () => {
    const body = await captured('generic');
    expect(generic(mapping).parse(body)).toMatchObject([
      { status: 'firing', title: 'Failed jobs over 100', severity: 'High', startsAt: '2026-01-27T20:38:45Z', labels: { host: 'app-1', count: '130', 'nested.deep.queue': 'mail' } },
    ]);
    expect(generic(mapping).parse({ ...body, event: { name: 'x', state: 'recovered' } })).toMatchObject([{ status: 'resolved' }]);
    expect(generic({ ...mapping, alerts: '/list' }).parse({ list: [body, body] })).toHaveLength(2);
  });

  it('never follows what an object inherits', () => {
    expect(() => generic({ ...mapping, title: '/constructor/name' }).parse({})).toThrow(AlertFormatError);
  });
});

describe('every format', () => {
  const all: AlertFormat[] = [grafana, prometheus, authos, cloudwatch, uptimeKuma, sentry, cloudEvents];
  it.each(all.map((format) => [format.name, format] as const))('%s refuses what is none, without repeating it', (_name, format) => {
    for (const body of [null, 'SECRET', 7, { SECRET: 'SECRET' }, [['SECRET']], { data: 'SECRET', alerts: 'SECRET', checks: 'SECRET', component: 'SECRET', msg: { SECRET: 1 } }]) {
      let said = 'was accepted';
      try {
        format.parse(body);
      } catch (error) {
        if (!(error instanceof AlertFormatError)) throw error;
        said = error.message;
      }
      expect(said).toMatch(/^not an alert of/);
      expect(said).not.toContain('SECRET');
    }
  });

  it('keeps no more than 64 labels of any body', () => {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`field${index}`, { a: 'x', b: 'y' }]));
    const [alert] = grafana.parse({ alerts: [{ status: 'firing', labels: { alertname: 'x' }, startsAt: '2026-01-27T20:38:45Z', ...many }] });
    expect(Object.keys(alert?.labels ?? {})).toHaveLength(64);
    expect(alert?.labels.alertname).toBe('x');
  });
});
