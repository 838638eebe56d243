import { createHash, randomUUID } from 'node:crypto';
import type { LinkGrant } from '../links/signed-links.js';

/**
 * The id of what a person does by a link or a button. An answer has one id however often it is given: the incident takes it
 * once, also when two servers get it at the same time. An acknowledgement may be given again, which renews it.
 */
export function actionId({ incident, person, action, ask }: LinkGrant): string {
  if (action === 'acknowledge') return randomUUID();
  const hash = createHash('sha256').update(JSON.stringify([incident, person, action, ask])).digest('hex');
  // In the form of RFC 9562's version 8, which is for uses of one's own.
  return [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`, hash.slice(20, 32)].join('-');
}
