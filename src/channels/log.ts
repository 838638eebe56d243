import type { Logger } from 'pino';
import type { Channel } from './channel.js';

/**
 * The channel of last resort: a line at level `error` in our own log, for whoever watches it. It counts as accepted once
 * the log's destination has taken the line. Repeats are harmless.
 */
export function logChannel({ logger, now = Date.now }: { logger: Logger; now?: () => number }): Channel {
  return {
    name: 'log',
    addressOf: () => 'log',
    async send(message) {
      const { key, person, subject, text, urgency, late, incident } = message;
      logger.error({ incidentId: incident.id, page: { key, person: person.id, subject, text, urgency, late } }, 'page');
      await new Promise<void>((resolve, reject) => {
        logger.flush((error) => (error ? reject(new Error(`the log did not take page ${key}`, { cause: error })) : resolve()));
      });
      return { acceptedAt: now(), answer: 'written' };
    },
    oneCheck: true,
    check: async () => ({ state: 'is there', says: 'lines of our own log: they reach nobody who does not read it' }),
    async close() {},
  };
}
