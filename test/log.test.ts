import { expect, it } from 'vitest';
import { createLogger } from '../src/log.js';
import { Secret } from '../src/config.js';

it('the log has one JSON line for each event, and no header or field that is a secret', () => {
  const lines: string[] = [];
  const logger = createLogger({ log: { level: 'info' } }, { write: (line: string) => void lines.push(line) });
  const headers = { authorization: 'Bearer hunter2-hunter2', cookie: 'hunter2-hunter2', 'x-api-key': 'hunter2-hunter2', host: 'app-1' };
  logger.info({ req: { headers }, res: { headers: { 'set-cookie': 'hunter2-hunter2' } }, headers, person: { token: 'hunter2-hunter2', password: 'hunter2-hunter2' } }, 'a request');
  logger.warn({ key: new Secret('hunter2-hunter2'), err: new Error('refused') }, 'a secret of the config');
  logger.debug('nothing');
  expect(lines).toHaveLength(2);
  expect(lines.join('')).not.toContain('hunter2');
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([{ msg: 'a request', headers: { host: 'app-1', authorization: '[secret]' } }, { msg: 'a secret of the config', err: { message: 'refused' } }]);
});
