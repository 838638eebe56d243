import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

/** What the post office does with one message: an SMTP code refuses it; `keep and cut` takes it and loses the answer. */
export type Treatment = 'accept' | 'hang' | 'keep and cut' | number;

export interface Letter {
  to: string;
  subject: string;
  text: string;
  html: string;
  messageId: string;
  key: string;
  data: string;
}

export interface PostOffice {
  port: number;
  letters: Letter[];
  /** Letters that one address has got, oldest first. */
  to(address: string): Letter[];
  close(): Promise<void>;
}

/** A real SMTP server that treats each recipient as `treat` says, on its own count of that recipient's tries (from 1). */
export async function openPostOffice(treat: (address: string, tryNumber: number) => Treatment = () => 'accept', port = 0): Promise<PostOffice> {
  const letters: Letter[] = [];
  const tries = new Map<string, number>();
  const sockets = new Set<Socket>();
  const server = new SMTPServer({
    authOptional: true,
    hideSTARTTLS: true,
    allowInsecureAuth: true,
    // No password is right here: whoever logs in is refused.
    onAuth: (_auth, _session, done) => done(new Error('Invalid username or password')),
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 1,
    onData(stream, { envelope, remotePort }, done) {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk as Buffer);
        const address = envelope.rcptTo.map((recipient) => recipient.address).join(',');
        const tryNumber = (tries.get(address) ?? 0) + 1;
        tries.set(address, tryNumber);
        const treatment = treat(address, tryNumber);
        if (treatment === 'hang') return;
        if (typeof treatment === 'number') return done(Object.assign(new Error('not now'), { responseCode: treatment }));
        letters.push(await read(address, Buffer.concat(chunks)));
        if (treatment === 'accept') return done();
        for (const socket of sockets) if (socket.remotePort === remotePort) socket.destroy();
      })().catch(done);
    },
  });
  server.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('error', () => {});
  server.listen(port, '127.0.0.1');
  await once(server.server, 'listening');
  return {
    port: (server.server.address() as AddressInfo).port,
    letters,
    to: (address) => letters.filter((letter) => letter.to === address),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function read(to: string, data: Buffer): Promise<Letter> {
  const { subject = '', text = '', html, messageId = '', headers } = await simpleParser(data);
  return { to, subject, text, html: html || '', messageId, key: String(headers.get('x-responder-key')), data: data.toString('utf8') };
}
