import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { alertmanager } from '../../src/alerts/alertmanager.js';
import { AlertFormatError } from '../../src/alerts/format.js';
import { own } from '../../src/alerts/own.js';

const captured = async (name: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8')) as Record<string, unknown>;

function refusal(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    if (error instanceof AlertFormatError) return error.message;
    throw error;
  }
  return 'was accepted';
}

const group = await captured('alertmanager-disk');

describe('an Alertmanager group', () => {
  it('gives each alert its own status, title and labels', () => {
    const alerts = alertmanager.parse(group);
    expect(alerts.map(({ status, title, severity }) => ({ status, title, severity }))).toEqual([
      { status: 'firing', title: 'Filesystem has less than 5% space left.', severity: 'Medium' },
      { status: 'resolved', title: 'Disk of app-2 is over 90 %', severity: 'Critical' },
      { status: 'firing', title: 'CertificateTransparencyLag', severity: 'Critical' },
    ]);
    expect(alerts[0]?.labels.mountpoint).toBe('/var');
    expect(alerts[1]?.startsAt).toBe('2026-01-27T19:12:00.000+01:00');
  });

  it.each<[string, (body: Record<string, unknown>) => unknown, string]>([
    ['another version', (body) => ({ ...body, version: '3' }), 'version: must be one of 4'],
    ['no alerts', (body) => ({ ...body, alerts: [] }), 'alerts: must not be shorter than 1'],
    ['no list of alerts', (body) => ({ ...body, alerts: 'x' }), 'alerts: must be array'],
    ['an alert without labels', (body) => ({ ...body, alerts: [{ status: 'firing', startsAt: '2026-01-27T20:40:00Z' }] }), 'alerts.0.labels: is missing (record)'],
    ['a status of its own', (body) => ({ ...body, alerts: [{ status: 'SECRET', labels: {}, startsAt: '2026-01-27T20:40:00Z' }] }), 'alerts.0.status: must be one of firing, resolved'],
    ['a start that is no time', (body) => ({ ...body, alerts: [{ status: 'firing', labels: {}, startsAt: 'SECRET' }] }), 'alerts.0.startsAt: must be datetime'],
    ['a label that is a number', (body) => ({ ...body, alerts: [{ status: 'firing', labels: { 'SECRET key': 1 }, startsAt: '2026-01-27T20:40:00Z' }] }), 'alerts.0.labels.…: must be string'],
    ['nothing', () => null, 'the body: must be object'],
  ])('is refused with %s, naming the field and not its value', (_what, change, message) => {
    const said = refusal(() => alertmanager.parse(change(group)));
    expect(said).toContain(message);
    expect(said).not.toContain('SECRET');
  });
});

describe('our own format', () => {
  it('takes a list, and one alert alone', async () => {
    const body = await captured('own');
    const alerts = own.parse(body);
    expect(alerts[0]).toEqual({
      status: 'firing',
      runbook: 'diskSpaceCritical',
      target: 'app-1:/var',
      severity: 'Critical',
      title: 'Disk of app-1 is 93 % full',
      description: 'Measured by the nightly job.\nLogs grew by 12 GB.',
      labels: { team: 'identity' },
      startsAt: '2026-01-27T21:38:45+01:00',
    });
    expect(alerts[1]).toMatchObject({ status: 'firing', title: 'ログインが遅い 🐢' });
    expect(own.parse((body.alerts as unknown[])[0])).toEqual([alerts[0]]);
  });

  it.each([
    ['no title', {}, 'title: is missing (string)'],
    ['a title that is a number', { title: 7 }, 'title: must be string'],
    ['an empty title', { title: '' }, 'title: must not be shorter than 1'],
    ['a severity nobody knows', { title: 'x', severity: 'SECRET' }, 'severity: must be one of Critical, High, Medium'],
    ['a wrong alert in a list', { alerts: [{ title: 'x' }, { title: 'x', status: 'SECRET' }] }, 'alerts.1.status: must be one of firing, resolved'],
    ['more than anybody would wait for', { alerts: Array.from({ length: 1_001 }, () => ({ title: 'x' })) }, 'alerts: must not be longer than 1000'],
    ['a list of nothing', { alerts: [] }, 'alerts: must not be shorter than 1'],
    ['a text', 'SECRET', 'the body: must be object'],
  ])('is refused with %s', (_what, body, message) => {
    const said = refusal(() => own.parse(body));
    expect(said).toContain(message);
    expect(said).not.toContain('SECRET');
  });
});

describe("an outsider's text", () => {
  const cleaned = (title: string, description = '', labels: Record<string, string> = {}) => own.parse({ title, description, labels })[0];

  it('is cut to its limit without breaking an emoji', () => {
    const alert = cleaned(`${'a'.repeat(298)}🐢🐢`, 'd'.repeat(5_000));
    expect(alert?.title).toBe(`${'a'.repeat(298)}…`);
    expect(alert?.title).not.toMatch(/\p{Cs}/u);
    expect(alert?.description).toHaveLength(4_000);
  });

  it('keeps other languages, joined emoji and line breaks of the description', () => {
    const alert = cleaned('ディスク満杯 👨‍👩‍👧 مرحبا Größe', 'one\r\ntwo\nthree');
    expect(alert?.title).toBe('ディスク満杯 👨‍👩‍👧 مرحبا Größe');
    expect(alert?.description).toBe('one\ntwo\nthree');
  });

  it('loses NUL, terminal escapes, forged lines, hidden directions and half characters', () => {
    const alert = cleaned('a\u0000b\u001b[31mc\nd\u202ee\u2028f\ud800g', 'x\u0000\u001by');
    expect(alert?.title).toBe('a b [31mc d e f\ufffdg');
    expect(alert?.description).toBe('x  y');
  });

  it('has at most 64 labels of at most 1000 characters, and none that JavaScript reads specially', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`label${index}`, 'v'.repeat(2_000)]));
    const labels = cleaned('x', '', many)?.labels ?? {};
    expect(Object.keys(labels)).toHaveLength(64);
    expect(labels.label0).toHaveLength(1_000);
    const hostile = own.parse(JSON.parse('{"title":"x","labels":{"__proto__":"y","constructor":"z"}}'))[0]?.labels;
    expect(Object.getPrototypeOf(hostile)).toBe(Object.prototype);
    expect(Object.keys(hostile ?? {})).toEqual(['constructor']);
  });
});
