import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { routingRules } from '../../src/alerts/rules.js';
import { hostileTexts } from '../support/hostile.js';

/** In every text that is made up here: an answer that refuses a body must not hold it. */
export const marker = 'zq7canary';

/** A body of a format, as bytes. */
export interface FuzzBody {
  /** Name of the source that sends it (fuzz-site.ts). */
  source: string;
  bytes: Buffer;
  contentType: string;
  /** Where it comes from, for whoever reads a counterexample. */
  made: string;
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Fixtures by the source that would send them. */
const fixturesOf: Record<string, string[]> = {
  own: ['own'],
  alertmanager: ['alertmanager-disk'],
  grafana: ['grafana'],
  prometheus: ['prometheus'],
  authos: ['authos-detailed', 'authos-component', 'authos-monitor'],
  // The alarm in an envelope that SNS signs; and the envelope itself, from somebody with a token.
  cloudwatch: ['cloudwatch-alarm'],
  sns: ['sns'],
  'uptime-kuma': ['uptime-kuma'],
  sentry: ['sentry-metric', 'sentry-issue'],
  cloudevents: ['cloudevents'],
  generic: ['generic'],
};

const contentTypes: Record<string, string> = { cloudwatch: 'text/plain; charset=UTF-8', sns: 'text/plain', cloudevents: 'application/cloudevents+json' };

export interface Fixture {
  source: string;
  name: string;
  body: Json;
}

/** What vendors send, as recorded. */
export async function recorded(): Promise<Fixture[]> {
  const named = Object.entries(fixturesOf).flatMap(([source, names]) => names.map((name) => ({ source, name })));
  const read = async (name: string): Promise<string> => readFile(new URL(`../alerts/fixtures/${name}.json`, import.meta.url), 'utf8');
  const bodies = await Promise.all(named.map(async (one) => ({ ...one, body: JSON.parse(await read(one.name)) as Json })));
  const alarm = await read('cloudwatch-alarm');
  return bodies.map((one) => (one.name === 'sns' ? { ...one, body: { ...(one.body as object), Message: alarm } } : one));
}

/** A body as it is, for what must be accepted. */
export function unchanged({ source, name, body }: Fixture): FuzzBody {
  return { source, bytes: Buffer.from(JSON.stringify(body)), contentType: contentTypeOf(source), made: name };
}

/** Bodies of all formats: recorded ones with things changed, JSON of every kind, and bytes that are hardly JSON. */
export function fuzzBodies(fixtures: readonly Fixture[]): fc.Arbitrary<FuzzBody> {
  const from = fc.constantFrom(...fixtures);
  return fc.oneof(
    { weight: 6, arbitrary: fc.tuple(from, edits).map(([fixture, all]) => made(fixture, `${fixture.name} with ${all.length} changes`, written(all.reduce(edited, fixture.body)))) },
    { weight: 3, arbitrary: fc.tuple(from, fc.array(value, { minLength: 1, maxLength: 20 })).map(([fixture, values]) => made(fixture, `${fixture.name} with other types`, written(scrambled(fixture.body, values)))) },
    { weight: 2, arbitrary: fc.tuple(from, fc.oneof(fc.jsonValue({ stringUnit: 'binary' }), value)).map(([fixture, json]) => made(fixture, 'any JSON', written(json as Json))) },
    { weight: 2, arbitrary: fc.tuple(from, damage).map(([fixture, harm]) => made(fixture, `damaged ${fixture.name}`, harm(Buffer.from(JSON.stringify(fixture.body))))) },
  );
}

function made({ source }: Fixture, how: string, bytes: Buffer): FuzzBody {
  return { source, bytes, contentType: contentTypeOf(source), made: how };
}

function contentTypeOf(source: string): string {
  return contentTypes[source] ?? 'application/json';
}

/** JSON that no JavaScript value stands for, put in where `written` finds its text. */
const literals = ['1e999', '-1e999', '-0', `${'9'.repeat(400)}`, '0.1e-400', '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]', '{"a":1,"a":{"a":2}}', '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '{"__proto__":{"x":1}}', '{"constructor":{"prototype":{"x":1}}}', '{"\\u005f_proto__":null}'];

function written(value: Json): Buffer {
  return Buffer.from(JSON.stringify(value).replace(/"literal-(\d+)"/g, (_, index: string) => literals[Number(index)] ?? 'null'));
}

const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__', 'length', 'then', 'toJSON', '', ' ', 'alerts', 'labels', 'data', 'checks', 'status', 'runbook', 'target', 'severity', 'title', 'host', 'instance', 'queue', 'alertname', 'Trigger', 'Dimensions', 'heartbeat', 'component', 'overall_status', 'metric_alert', `${marker}\u0000`, 'x'.repeat(2_000)];

const words: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => marker + text),
  fc.constantFrom(...Object.values(hostileTexts(marker))),
  fc.constantFrom(...routingRules.map(({ names: text }) => `${marker} ${text}`), 'DiskSpaceCritical', 'RedisDown', 'HighErrorRate', 'FailedJobs', 'generalTroubleshooting', 'diskSpaceCritical', 'toString', '__proto__'),
  fc.constantFrom('firing', 'resolved', 'critical', 'Medium', 'ALARM', 'OK', 'unhealthy', 'healthy', 'app-1', 'app-1:/var', 'production', 'production:default', 'default', '4', '1.0'),
  fc.constantFrom('2026-01-27T20:38:45Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59+23:59', '2026-02-30T00:00:00Z', '-000001-01-01T00:00:00Z', '1e9', 'NaN', '20260127'),
  fc.constantFrom('', ' ', '\n', '\u0000', '\ud800', '\udfff', 'a\ud800b', '\u202e', '💣'.repeat(200), '*'.repeat(400), '界'.repeat(400), '\\'.repeat(500), `${'a'.repeat(40)}!`, 'http://[::1', `https://${'a'.repeat(300)}/`, '::::::::', `${'/'.repeat(1_000)}`, '%00%ff', `${marker}${'x'.repeat(20_000)}`),
);

const value: fc.Arbitrary<Json> = fc.oneof(
  { weight: 4, arbitrary: words },
  { weight: 2, arbitrary: fc.constantFrom<Json>(null, true, false, 0, -1, 1, 2, 3, 1.5, Number.MAX_VALUE, Number.MIN_VALUE, Number.MAX_SAFE_INTEGER + 2) },
  { weight: 2, arbitrary: fc.nat(literals.length - 1).map((index) => `literal-${index}`) },
  { weight: 2, arbitrary: fc.constantFrom<Json>([], {}, [[]], [null], [{}], { a: [] }, [[{ b: {} }]]) },
  { weight: 1, arbitrary: fc.dictionary(fc.oneof(words, fc.constantFrom(...names)), words, { maxKeys: 80 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 60 }).map((depth) => Array.from({ length: depth }).reduce<Json>((inner) => ({ [marker]: inner }), 'deep')) },
);

/** One change of a body: `where` counts its places, and wraps around. */
interface Edit {
  where: number;
  how: 'replace' | 'remove' | 'rename' | 'add' | 'wrap' | 'repeat';
  name: string;
  value: Json;
}

const edits: fc.Arbitrary<Edit[]> = fc.array(
  fc.record<Edit>({
    where: fc.nat(500),
    how: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'rename', 'add', 'wrap', 'repeat'),
    name: fc.oneof(fc.constantFrom(...names), words),
    value,
  }),
  { minLength: 1, maxLength: 4 },
);

function edited(body: Json, edit: Edit): Json {
  const places = placesOf(body);
  return at(body, places[edit.where % places.length] ?? [], edit);
}

/** The paths of everything in a body, its own first. */
function placesOf(body: Json, path: string[] = []): string[][] {
  const inner = typeof body === 'object' && body !== null ? Object.entries(body) : [];
  return [path, ...inner.flatMap(([key, one]) => placesOf(one as Json, [...path, key]))];
}

function at(body: Json, [key, ...rest]: string[], edit: Edit): Json {
  if (key === undefined) return edit.how === 'replace' ? edit.value : edit.how === 'wrap' ? [body] : edit.how === 'add' && isObject(body) ? objectOf([...Object.entries(body), [edit.name, edit.value]]) : body;
  if (Array.isArray(body)) return body.flatMap((one, index) => (String(index) === key ? within(one, rest, edit).map(([, changed]) => changed) : [one]));
  if (!isObject(body)) return body;
  return objectOf(Object.entries(body).flatMap(([name, one]) => (name === key ? within(one, rest, edit, name) : [[name, one] as const])));
}

/** What takes the place of an entry: nothing, itself changed, or many. */
function within(one: Json, rest: string[], edit: Edit, name = ''): (readonly [string, Json])[] {
  if (rest.length > 0) return [[name, at(one, rest, edit)]];
  if (edit.how === 'remove') return [];
  if (edit.how === 'rename') return [[edit.name, one]];
  if (edit.how === 'repeat') return Array.from({ length: 40 }, (_, index) => [`${name}${index === 0 ? '' : index}`, one]);
  return [[name, at(one, [], edit)]];
}

/** Every second leaf is something else, and every seventh list or object. */
function scrambled(body: Json, values: readonly Json[]): Json {
  let count = 0;
  const next = (): Json => values[count % values.length] ?? null;
  const walk = (inner: Json, depth: number): Json => {
    count += 1;
    if (depth > 0 && count % 7 === 0) return next();
    if (Array.isArray(inner)) return inner.map((one) => walk(one, depth + 1));
    if (isObject(inner)) return objectOf(Object.entries(inner).map(([key, one]) => [key, walk(one, depth + 1)]));
    return count % 2 === 0 ? next() : inner;
  };
  return walk(body, 0);
}

function isObject(body: Json): body is { [key: string]: Json } {
  return typeof body === 'object' && body !== null && !Array.isArray(body);
}

// Object.fromEntries makes an own property of `__proto__`, too.
function objectOf(entries: (readonly [string, Json])[]): Json {
  return Object.fromEntries(entries);
}

type Damage = (bytes: Buffer) => Buffer;
const piece = fc.constantFrom(...['\u0000', '\ufeff', '"', '{', ']', ',', '\\', '\\u', '//', "'", 'NaN', '{"__proto__":1}'].map((text) => Buffer.from(text)), Buffer.from([0xff, 0xfe]), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0xc0, 0x80]), Buffer.from([0xf8]));

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.nat(4_000).map((length): Damage => (bytes) => bytes.subarray(0, length % bytes.length)),
  fc.tuple(fc.nat(4_000), piece).map(([where, extra]): Damage => (bytes) => Buffer.concat([bytes.subarray(0, where % bytes.length), extra, bytes.subarray(where % bytes.length)])),
  fc.tuple(fc.nat(4_000), fc.nat(255)).map(([where, byte]): Damage => (bytes) => Buffer.from(bytes.map((one, index) => (index === where % bytes.length ? byte : one)))),
  fc.uint8Array({ maxLength: 200 }).map((noise): Damage => () => Buffer.from(noise)),
  fc.constantFrom(31, 33, 20_000).map((depth): Damage => (bytes) => Buffer.concat([Buffer.from('['.repeat(depth)), bytes, Buffer.from(']'.repeat(depth))])),
  fc.constant<Damage>((bytes) => Buffer.concat([bytes, bytes])),
  fc.constant<Damage>((bytes) => Buffer.from(bytes.toString('utf8'), 'utf16le')),
  fc.constant<Damage>((bytes) => Buffer.concat([bytes, Buffer.alloc(100_000, ' ')])),
);
