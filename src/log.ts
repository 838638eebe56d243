import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import type { Config } from './config.js';

/** The program's log: JSON lines on stdout, if not elsewhere. Headers that carry tokens are never written. */
export function createLogger({ log }: Pick<Config, 'log'>, to?: DestinationStream): Logger {
  const headers = ['authorization', 'cookie', 'set-cookie', 'x-api-key'];
  const paths = headers.flatMap((name) => [`req.headers["${name}"]`, `res.headers["${name}"]`, `headers["${name}"]`]);
  const options = { level: log.level, redact: { paths: [...paths, '*.password', '*.token', '*.apiKey'], censor: '[secret]' } };
  return to ? pino(options, to) : pino(options);
}
