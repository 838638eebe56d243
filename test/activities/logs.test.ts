import { execFileSync } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { lastLogLines } from '../../src/activities/logs.js';
import { line, logWorld } from './log-world.js';
import { inActivity } from './support.js';

const messages = (seen: { message: string }[]): string[] => seen.map(({ message }) => message);

describe('the lines of a log channel', () => {
  it('come from daily, plain, rotated and gzipped files, in text and in JSON, oldest file first', async () => {
    const world = await logWorld();
    await world.write('security.log.2.gz', gzipSync(line('2026-01-27 08:00:00', 'gzipped')), new Date('2026-01-27T08:00:00Z'));
    await world.write('security.log.1', line('2026-01-27 09:00:00', 'rotated'), new Date('2026-01-27T09:00:00Z'));
    await world.write('security-2026-01-27.log', line('2026-01-27T10:00:00+00:00', 'daily', { ip: '203.0.113.7' }), new Date('2026-01-27T10:00:00Z'));
    await world.write('security.log', `${JSON.stringify({ timestamp: '2026-01-27T11:00:00Z', level: 'WARNING', message: 'json', context: { ip: '::1' } })}\n`, new Date('2026-01-27T11:00:00Z'));
    await world.write('security-audit.log', line('2026-01-27 10:00:00', 'another channel'));
    const { seen, files, lines, problems } = await world.read('2026-01-27T07:00:00Z');
    expect(messages(seen)).toEqual(['gzipped', 'rotated', 'daily', 'json']);
    expect(seen.map(({ level }) => level)).toEqual(['ERROR', 'ERROR', 'ERROR', 'WARNING']);
    expect(seen[2]?.context).toEqual({ ip: '203.0.113.7' });
    expect(seen[3]?.context).toEqual({ ip: '::1' });
    expect({ files, lines, problems }).toEqual({ files: 4, lines: 4, problems: [] });
  });

  it('are those of the time asked for, ends included, and files of other times are not opened', async () => {
    const world = await logWorld();
    await world.write('security-2026-01-26.log', line('2026-01-26 23:00:00', 'the day before'), new Date('2026-01-26T23:00:00Z'));
    await world.write('security-2026-01-28.log', line('2026-01-27 10:00:00', 'in the file of the day after'), new Date('2026-01-28T01:00:00Z'));
    const hours = ['09:59:59', '10:00:00', '10:30:00', '11:00:00', '11:00:01'];
    await world.write('security-2026-01-27.log', hours.map((hour) => line(`2026-01-27 ${hour}`, hour)).join(''));
    const { seen, files, there } = await world.read('2026-01-27T10:00:00Z', '2026-01-27T11:00:00Z');
    expect(messages(seen)).toEqual(['10:00:00', '10:30:00', '11:00:00']);
    expect({ files, there }).toEqual({ files: 1, there: 3 });
  });

  it("are in the application's zone, and the hour that daylight saving repeats is told apart by their order", async () => {
    const world = await logWorld('Europe/Berlin');
    // 2026-10-25: at 03:00 summer time it is 02:00 again.
    const times = ['01:30:00', '02:10:00', '02:50:00', '02:05:00', '02:40:00', '03:10:00'];
    await world.write('security-2026-10-25.log', times.map((time) => line(`2026-10-25 ${time}`, time)).join(''));
    const { seen } = await world.read('2026-10-24T00:00:00Z');
    expect(seen.map(({ at }) => new Date(at).toISOString().slice(11, 16))).toEqual(['23:30', '00:10', '00:50', '01:05', '01:40', '02:10']);
    const second = await world.read('2026-10-25T01:00:00Z', '2026-10-25T01:59:59Z');
    expect(messages(second.seen)).toEqual(['02:05:00', '02:40:00']);
  });

  it('in the spring lose no line to the hour that is left out', async () => {
    const world = await logWorld('America/New_York');
    await world.write('security-2026-03-08.log', line('2026-03-08 01:59:59', 'before') + line('2026-03-08 03:00:00', 'after'));
    const { seen } = await world.read('2026-03-08T00:00:00Z');
    expect(seen.map(({ at }) => new Date(at).toISOString())).toEqual(['2026-03-08T06:59:59.000Z', '2026-03-08T07:00:00.000Z']);
  });

  it.each([
    ['Monolog with a zone', '[2026-01-27T21:38:45.123456+01:00] production.WARNING: said {"ip":"203.0.113.9"}', '2026-01-27T20:38:45.123Z'],
    ['JSON with level_name', '{"message":"said","context":{"ip":"203.0.113.9"},"level":300,"level_name":"WARNING","datetime":"2026-01-27T20:38:45+00:00"}', '2026-01-27T20:38:45.000Z'],
    ['JSON with a number for its level', '{"message":"said","context":{"ip":"203.0.113.9"},"level":300,"datetime":"2026-01-27T20:38:45+00:00"}', '2026-01-27T20:38:45.000Z'],
    ["Monolog 1's date", '{"message":"said","context":{"ip":"203.0.113.9"},"level_name":"warning","datetime":{"date":"2026-01-27 21:38:45.000000","timezone_type":3,"timezone":"Europe/Berlin"}}', '2026-01-27T20:38:45.000Z'],
  ])('of %s are read', async (_, text, time) => {
    const world = await logWorld();
    await world.write('security.log', `${text}\r\n`);
    const { seen } = await world.read('2026-01-27T00:00:00Z');
    expect(seen).toMatchObject([{ level: 'WARNING', message: 'said', context: { ip: '203.0.113.9' } }]);
    expect(new Date(seen[0]?.at ?? 0).toISOString()).toBe(time);
  });

  it("take the context from the end of the line: an object in the message is an outsider's", async () => {
    const world = await logWorld();
    await world.write(
      'security.log',
      line('2026-01-27 10:00:00', 'Failed for {"ip":"192.0.2.1"}', { ip: '203.0.113.7', email: 'a {"ip":"192.0.2.2"}' }) +
        line('2026-01-27 10:00:01', 'no context { at all') +
        '[2026-01-27 10:00:02] production.ERROR: Boom {"userId":7,"exception":"[object] (App\\\\Exceptions\\\\Boom(code: 0): Boom at /app/x.php:3)\n[stacktrace]\n#0 {main}\n"} \n',
    );
    const { seen, lines } = await world.read('2026-01-27T00:00:00Z');
    expect(seen.map(({ context }) => context)).toEqual([{ ip: '203.0.113.7', email: 'a {"ip":"192.0.2.2"}' }, {}, { userId: '7', type: 'App\\Exceptions\\Boom' }]);
    expect(lines).toBe(3);
  });

  it('survive lines of 5 MB, invalid UTF-8, NUL bytes and garbage', async () => {
    const world = await logWorld();
    const long = line('2026-01-27 10:00:00', `long ${'x'.repeat(5_000_000)}`, { ip: 'lost in the cut' });
    const json = `${JSON.stringify({ timestamp: '2026-01-27T10:00:01Z', level: 'ERROR', message: `long json ${'y'.repeat(5_000_000)}` })}\n`;
    const parts = [Buffer.from(long), Buffer.from([0xff, 0xfe, 0, 10]), Buffer.from(json), Buffer.from('{"timestamp":\n[]\n[nonsense] x.y: z\n'), Buffer.from(line('2026-01-27 10:00:02', 'bad \xff byte', { n: 1 }), 'latin1')];
    await world.write('security.log', Buffer.concat(parts));
    const { seen } = await world.read('2026-01-27T00:00:00Z');
    expect(messages(seen).map((text) => text.slice(0, 10))).toEqual(['long xxxxx', 'long json ', 'bad � byte']);
    expect(Math.max(...messages(seen).map((text) => text.length))).toBeLessThanOrEqual(65_536);
  });

  it('of a large file begin where the time does, with flat memory', async () => {
    const world = await logWorld();
    const start = Date.parse('2026-01-27T00:00:00Z');
    const filler = 'f'.repeat(400);
    const lines = Array.from({ length: 80_000 }, (_, n) => line(new Date(start + n * 1_000).toISOString(), `${n} ${filler}`));
    await world.write('security.log', lines.join(''));
    const before = process.memoryUsage().arrayBuffers;
    const { seen } = await world.read(new Date(start + 79_900_000).toISOString());
    expect(seen).toHaveLength(100);
    expect(seen[0]?.message).toMatch(/^79900 /);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30_000_000);
  });

  it('are unknown, and said so, where a file is broken or no log; links and pipes are never followed', async () => {
    const world = await logWorld();
    await world.write('security.log.1.gz', 'no gzip at all');
    await world.write('secret', line('2026-01-27 10:00:00', 'secret'));
    await symlink(join(world.folder, 'secret'), join(world.folder, 'security.log'));
    execFileSync('mkfifo', [join(world.folder, 'security.log.3')]);
    const { seen, problems } = await world.read('2026-01-27T00:00:00Z');
    expect(seen).toEqual([]);
    expect(problems).toEqual(['security.log can\'t be read: ELOOP', expect.stringMatching(/^security\.log\.1\.gz can't be read to its end: /)]);
  });

  it('without the folder are a problem, not silence', async () => {
    const world = await logWorld();
    expect(await world.read('2026-01-27T00:00:00Z')).toMatchObject({ there: 0, problems: [] });
    world.host.root = '/nonexistent';
    expect(await world.read('2026-01-27T00:00:00Z')).toMatchObject({ there: 0, problems: ["storage/logs can't be listed: ENOENT"] });
  });

  it.each(['../../etc/passwd', 'a/b', '', 'x\0', '$(reboot)', '.*', 'x'.repeat(50)])('of a channel called %j are refused', async (channel) => {
    const world = await logWorld();
    await expect(world.read('2026-01-27T00:00:00Z', undefined, channel)).rejects.toMatchObject({ type: 'BadInput' });
  });
});

describe('the last lines of a log', () => {
  it('are those at the end of the newest file', async () => {
    const world = await logWorld();
    await world.write('api-2026-01-26.log', line('2026-01-26 10:00:00', 'old'), new Date('2026-01-26T10:00:00Z'));
    await world.write('api-2026-01-27.log', Array.from({ length: 5_000 }, (_, n) => line('2026-01-27 10:00:00', `${n} ${'z'.repeat(200)}`)).join(''));
    const last = await inActivity(() => lastLogLines({ host: world.host, channel: 'api', most: 3 }));
    expect(last?.name).toBe('api-2026-01-27.log');
    expect(last?.lines.map(({ message }) => message.split(' ')[0])).toEqual(['4997', '4998', '4999']);
    expect(await inActivity(() => lastLogLines({ host: world.host, channel: 'oauth', most: 3 }))).toBeUndefined();
  });
});
