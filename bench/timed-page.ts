import type { Mail, Mailbox } from '../sandbox/servers/mailbox.js';
import { post } from './site.js';

/** A POST and its first mail. */
export interface Timed {
  /** ms from the POST to the first mail. */
  took: number;
  /** Both since the epoch. */
  postedAt: number;
  receivedAt: number;
  mail: Mail;
  answer: string;
}

/** POSTs, and waits for the first mail that matches. */
export async function timed(mailbox: Mailbox, match: (mail: Mail) => boolean, url: string, body: object): Promise<Timed> {
  let [receivedAt, took] = [Number.NaN, Number.NaN];
  const stop = mailbox.onMail((mail) => {
    if (!Number.isNaN(took) || !match(mail)) return;
    [receivedAt, took] = [now(), performance.now() - startedAt];
  });
  const startedAt = performance.now();
  const postedAt = now();
  try {
    const answer = await post(url, body);
    const mail = await mailbox.next(match);
    return { took, postedAt, receivedAt, mail, answer };
  } finally {
    stop();
  }
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
