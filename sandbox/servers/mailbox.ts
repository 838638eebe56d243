import type { AddressInfo, Socket } from 'node:net';
import { simpleParser } from 'mailparser';
import type { ParsedMail } from 'mailparser';
import { SMTPServer } from 'smtp-server';

export interface Mail {
  /** Recipients of the envelope: whom it was really sent to. */
  to: string[];
  /** The From header's address, or the envelope's sender without one. */
  from: string;
  subject: string;
  text: string;
  /** Empty if there is no HTML part. */
  html: string;
  /** By lower-case name, unfolded; the last one of a repeated header. */
  headers: Record<string, string>;
  messageId: string | undefined;
  inReplyTo: string | undefined;
  references: string[];
  receivedAt: Date;
  /** The whole message as it came. */
  data: string;
}

/**
 * How the mailbox fails a message: an SMTP code (4xx, 5xx) instead of an acceptance; `hang` never answers; `cut` breaks the
 * connection and drops the message; `keep and cut` accepts it, but the answer is lost, so that a sender sends it twice.
 */
export type MailFailure = number | 'hang' | 'cut' | 'keep and cut';

export interface Mailbox {
  readonly port: number;
  /** `smtp://127.0.0.1:<port>`. */
  readonly url: string;
  /** All mail so far, oldest first. */
  readonly messages: readonly Mail[];
  /**
   * The oldest mail that matches and that no earlier `next` gave out, now or when it comes. Throws after `withinMs` (20 000)
   * with the subjects that did come.
   */
  next(match?: (mail: Mail) => boolean, options?: { withinMs?: number }): Promise<Mail>;
  /** Hears every later mail; the result ends that. */
  onMail(listener: (mail: Mail) => void): () => void;
  /** The next `count` messages fail; a new call replaces the old one, and 0 ends it. */
  failNext(count: number, failure: MailFailure): void;
  /** Stops listening and cuts open connections; waiting `next` calls throw. A repeat is safe. */
  close(): Promise<void>;
}

/** Starts an SMTP server on 127.0.0.1 that keeps what it is sent, in memory. Throws an error that names a taken port. */
export async function startMailbox({ port = 0 }: { port?: number } = {}): Promise<Mailbox> {
  const messages: Mail[] = [];
  const given = new Set<Mail>();
  const listeners = new Set<(mail: Mail) => void>();
  const waiting = new Set<(error: Error) => void>();
  const sockets = new Set<Socket>();
  let failing: { count: number; failure: MailFailure } = { count: 0, failure: 451 };

  const server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    onAuth: (auth, _session, done) => done(null, { user: auth.username ?? 'anyone' }),
    // A certificate that nobody trusts would only make clients give up: this is for 127.0.0.1.
    hideSTARTTLS: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 1,
    onData(stream, { envelope, remotePort }, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        void (async () => {
          const failure = failing.count > 0 ? failing.failure : undefined;
          if (failure !== undefined) failing.count--;
          if (failure === 'hang') return;
          if (typeof failure === 'number') return done(Object.assign(new Error('The mailbox was told to fail'), { responseCode: failure }));
          if (failure !== 'cut') keep(await readMail(Buffer.concat(chunks), envelope));
          if (failure === undefined) return done();
          for (const socket of sockets) if (socket.remotePort === remotePort) socket.destroy();
        })().catch(done);
      });
    },
  });
  server.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  function keep(mail: Mail): void {
    messages.push(mail);
    for (const listener of [...listeners]) listener(mail);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      reject(taken ? new Error(`Port ${port} is taken: the mailbox cannot listen there`, { cause }) : cause);
    });
    server.on('error', () => {}); // later ones are clients that went away in the middle: their own affair
    server.listen(port, '127.0.0.1', resolve);
  });
  const actualPort = (server.server.address() as AddressInfo).port;
  let closed: Promise<void> | undefined;

  return {
    port: actualPort,
    url: `smtp://127.0.0.1:${actualPort}`,
    messages,
    async next(match = () => true, { withinMs = 20_000 } = {}) {
      const fits = (mail: Mail) => !given.has(mail) && match(mail);
      let mail = messages.find(fits);
      if (mail === undefined) {
        if (closed !== undefined) throw new Error('The mailbox is closed');
        mail = await new Promise<Mail>((resolve, reject) => {
          const end = () => {
            clearTimeout(timer);
            listeners.delete(listen);
            waiting.delete(fail);
          };
          const fail = (error: Error) => {
            end();
            reject(error);
          };
          const listen = (candidate: Mail) => {
            if (!fits(candidate)) return;
            end();
            given.add(candidate); // here, before another waiting `next` hears of the same mail
            resolve(candidate);
          };
          const subjects = () => messages.map(({ subject }) => JSON.stringify(subject)).join(', ') || 'none at all';
          const timer = setTimeout(() => fail(new Error(`No such mail within ${withinMs} ms; came: ${subjects()}`)), withinMs);
          listeners.add(listen);
          waiting.add(fail);
        });
      }
      given.add(mail);
      return mail;
    },
    onMail(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    failNext(count, failure) {
      if (typeof failure === 'number' && !(failure >= 400 && failure <= 599)) throw new RangeError(`SMTP code ${failure} is no failure`);
      failing = { count, failure };
    },
    close() {
      closed ??= new Promise<void>((resolve) => {
        for (const fail of [...waiting]) fail(new Error('The mailbox was closed'));
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
      return closed;
    },
  };
}

type Envelope = { mailFrom: false | { address: string }; rcptTo: { address: string }[] };

async function readMail(data: Buffer, { mailFrom, rcptTo }: Envelope): Promise<Mail> {
  const parsed: ParsedMail = await simpleParser(data);
  const line = ({ key, line }: { key: string; line: string }) => [key, line.slice(key.length + 1).replace(/\r?\n\s*/g, ' ').trim()];
  return {
    to: rcptTo.map(({ address }) => address),
    from: parsed.from?.value[0]?.address ?? (mailFrom === false ? '' : mailFrom.address),
    subject: parsed.subject ?? '',
    text: parsed.text ?? '',
    html: parsed.html || '',
    headers: Object.fromEntries(parsed.headerLines.map(line)) as Record<string, string>,
    messageId: parsed.messageId,
    inReplyTo: parsed.inReplyTo,
    references: [parsed.references ?? []].flat(),
    receivedAt: new Date(),
    data: data.toString('utf8'),
  };
}
