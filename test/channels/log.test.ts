import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { logChannel } from '../../src/channels/log.js';

it('writes a page as one line of the log, whatever line breaks an outsider put into it', async () => {
  const written: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString());
      done();
    },
  });
  const log = logChannel({ logger: pino(stream), now: () => 7 });
  const receipt = await log.send({
    key: 'i/1/1.0/nobody',
    person: { id: 'nobody', address: 'log' },
    subject: 'Disk full\n{"level":10,"msg":"all is well"}',
    kind: 'page',
    incident: { id: 'i', severity: 'Critical', title: 'Disk Space Critical', target: 'app-1:/var' },
    lead: 'Disk full',
    text: 'a\nb',
    urgency: 'high',
    late: true,
    links: [],
    answers: [],
  });
  expect(receipt).toEqual({ acceptedAt: 7, answer: 'written' });
  expect(written.join('').trimEnd().split('\n')).toHaveLength(1);
  expect(JSON.parse(written.join(''))).toMatchObject({ level: 50, msg: 'page', page: { key: 'i/1/1.0/nobody', person: 'nobody', late: true } });
});
