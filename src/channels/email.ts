import { createTransport } from 'nodemailer';
import { MayHaveArrived, NextChannel } from './channel.js';
import type { Channel, Message } from './channel.js';
import { messageHash } from './message-hash.js';
import { oneLine } from './outsider-text.js';
import { textWithLinks } from './page-text.js';

/** Where mail is handed over. `password` comes from the config's secrets and appears in no message, error or log. */
export interface MailServer {
  host: string;
  port: number;
  /** True for TLS from the first byte (465); otherwise STARTTLS is used where offered. */
  tls?: boolean;
  /** Refuse to send unless STARTTLS works. */
  requireTls?: boolean;
  user?: string;
  password?: string;
}

/** What nodemailer adds to an Error; which fields there are says how far the message got. */
interface MailError extends Error {
  code?: string;
  responseCode?: number;
  timeoutType?: string;
  syscall?: string;
}

const stepTimeoutMs = 10_000;

/**
 * Mail over SMTP, a few pooled connections. `send` resolves with the server's 250. The Message-ID is made from the
 * message's key, so a repeat carries the same one and a mail program can drop it.
 */
export function emailChannel(options: { server: MailServer; from: string; timeoutMs?: number; now?: () => number }): Channel {
  const { server, from, timeoutMs = stepTimeoutMs, now = Date.now } = options;
  const transport = createTransport({
    pool: true,
    maxConnections: 10,
    host: server.host,
    port: server.port,
    secure: server.tls ?? false,
    requireTLS: server.requireTls ?? false,
    ...(server.user === undefined ? {} : { auth: { user: server.user, pass: server.password ?? '' } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    // A little longer, so that a server that never greets is known as one that was never told anything.
    socketTimeout: timeoutMs * 1.1,
    dnsTimeout: timeoutMs,
    // A server that dropped an idle connection costs one silent try on a fresh one; nothing of the message had been sent.
    maxRequeues: 1,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    name: 'email',
    addressOf: (contact) => contact.email,
    async send(message, signal) {
      const address = plainAddress(message);
      const thread = `<${messageHash(message.incident.id)}@responder>`;
      try {
        const info = await transport.sendMail({
          from,
          // An object, never a string: a name with a comma or a bracket must not become a second recipient.
          to: { name: oneLine(message.person.name ?? ''), address },
          envelope: { from: envelopeAddress(from), to: [address] },
          subject: oneLine(message.subject, 200),
          messageId: `<${messageHash(message.key)}@responder>`,
          // One thread an incident, also for whom no earlier message reached: mail programs don't need to have the first.
          inReplyTo: thread,
          references: thread,
          date: new Date(now()),
          headers: { 'X-Responder-Key': oneLine(message.key), 'Auto-Submitted': 'auto-generated' },
          priority: message.urgency,
          text: textWithLinks(message.text, message.links),
          ...(message.html === undefined ? {} : { html: message.html }),
          ...(signal === undefined ? {} : { signal }),
        });
        return { acceptedAt: now(), answer: oneLine(info.response) };
      } catch (error) {
        throw classified(error as MailError, `mail to ${address}`);
      }
    },
    oneCheck: true,
    async check() {
      // Connects, greets, and logs in where the config has a user.
      await transport.verify().catch((error: unknown) => {
        throw classified(error as MailError, `${server.host}:${server.port}`);
      });
      return { state: 'works', says: `${server.host}:${server.port} takes us${server.user === undefined ? '' : ` as ${server.user}`}` };
    },
    async close() {
      transport.close();
    },
  };
}

function plainAddress(message: Message): string {
  const { id, address } = message.person;
  // Not a check of what mail addresses may be, only of what could leave its place in the SMTP dialogue or the header.
  if (!/^[^\s<>,;:"()[\]\\\p{C}]+@[^\s<>,;:"()\\\p{C}]+$/u.test(address)) {
    throw new NextChannel(`email of ${id} is not an address: ${JSON.stringify(address.slice(0, 100))}`);
  }
  return address;
}

function envelopeAddress(from: string): string {
  return /<([^<>]+)>\s*$/.exec(from)?.[1] ?? from;
}

/** Says whose fault it is and whether the message can have arrived. The server's words are kept; ours hold no secret. */
function classified(error: MailError, what: string): Error {
  const words = `${what}: ${oneLine(error.message)}`;
  // 421 and 4xx: the server is busy or puts us off, grey-listing included. The message was not taken.
  if (error.responseCode !== undefined && error.responseCode >= 400 && error.responseCode < 500 && error.code !== 'EAUTH') {
    return new Error(words, { cause: error });
  }
  if (error.code === 'EAUTH' || error.code === 'EENVELOPE' || error.code === 'EMESSAGE' || (error.responseCode ?? 0) >= 500) {
    return new NextChannel(words, { cause: error });
  }
  return neverGotThrough(error) ? new Error(words, { cause: error }) : new MayHaveArrived(words, { cause: error });
}

function neverGotThrough(error: MailError): boolean {
  const beforeTheDialogue = ['CONNECT_TIMEOUT', 'GREETING_TIMEOUT', 'UPGRADE_TIMEOUT'].includes(error.timeoutType ?? '');
  const noConnection = error.syscall === 'connect' || ['EDNS', 'ETLS', 'EREQUIRETLS', 'EPROXY'].includes(error.code ?? '');
  // Nodemailer's pool only says so after closes in which not a byte of the message had been read.
  const closedUnread = error.message.startsWith('Reached maximum number of retries');
  return beforeTheDialogue || noConnection || closedUnread;
}
