import { once } from 'node:events';
import { connect } from 'node:net';
import { createTransport } from 'nodemailer';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startMailbox } from '../../../sandbox/servers/mailbox.js';
import type { Mailbox } from '../../../sandbox/servers/mailbox.js';
import { takenPort } from './world.js';

const page = { from: '"Responder" <pages@example.test>', to: 'ada@example.test', subject: 'Disk 95 % – app-1', text: 'It is full.' };

describe('the mailbox', () => {
  it('gives out a mail with its parts, headers and the whole of it', async () => {
    const mailbox = await start();
    const sent = await send(mailbox, {
      ...page,
      cc: 'bob@example.test',
      html: '<p>It is full.</p>',
      headers: { 'X-Responder-Key': 'incident/1/0/ada' },
      inReplyTo: '<first@example.test>',
      references: ['<first@example.test>'],
    });
    const mail = await mailbox.next();
    expect(mail).toMatchObject({
      to: ['ada@example.test', 'bob@example.test'],
      from: 'pages@example.test',
      subject: 'Disk 95 % – app-1',
      html: '<p>It is full.</p>',
      messageId: sent.messageId,
      inReplyTo: '<first@example.test>',
      references: ['<first@example.test>'],
    });
    expect(mail.text.trim()).toBe('It is full.');
    expect(mail.headers['x-responder-key']).toBe('incident/1/0/ada');
    expect(mail.data).toContain('X-Responder-Key: incident/1/0/ada');
  });

  it('waits for a mail that matches and gives each mail out once', async () => {
    const mailbox = await start();
    const heard: string[] = [];
    mailbox.onMail(({ subject }) => heard.push(subject));
    const waiting = Promise.all([mailbox.next(), mailbox.next(), mailbox.next(({ subject }) => subject === 'third')]);
    for (const subject of ['first', 'second', 'third']) await send(mailbox, { ...page, subject });
    expect((await waiting).map(({ subject }) => subject)).toEqual(['first', 'second', 'third']);
    expect(heard).toEqual(['first', 'second', 'third']);
    await expect(mailbox.next(() => true, { withinMs: 1 })).rejects.toThrow('came: "first", "second", "third"');
  });

  it.each([451, 550])('answers %i as often as it was told, then accepts', async (code) => {
    const mailbox = await start();
    mailbox.failNext(2, code);
    await expect(send(mailbox, page)).rejects.toMatchObject({ responseCode: code });
    await expect(send(mailbox, page)).rejects.toMatchObject({ responseCode: code });
    await send(mailbox, page);
    expect(mailbox.messages).toHaveLength(1);
  });

  it('cuts the connection and drops the mail', async () => {
    const mailbox = await start();
    mailbox.failNext(1, 'cut');
    await expect(send(mailbox, page)).rejects.toThrow(/closed|ECONNRESET/);
    expect(mailbox.messages).toHaveLength(0);
  });

  it('keeps the mail when only its answer is lost', async () => {
    const mailbox = await start();
    mailbox.failNext(1, 'keep and cut');
    await expect(send(mailbox, page)).rejects.toThrow(/closed|ECONNRESET/);
    expect(mailbox.messages).toHaveLength(1);
  });

  it('leaves a sender without an answer until it gives up', async () => {
    const mailbox = await start();
    mailbox.failNext(1, 'hang');
    await expect(send(mailbox, page, { socketTimeout: 200 })).rejects.toThrow(/timeout/i);
    expect(mailbox.messages).toHaveLength(0);
  });

  it('cuts open connections when it closes', async () => {
    const mailbox = await start();
    const idle = connect(mailbox.port, '127.0.0.1');
    await once(idle, 'data');
    await Promise.all([once(idle, 'close'), mailbox.close()]);
  });

  it('refuses connections once closed, and those who wait hear of it', async () => {
    const mailbox = await start();
    const waiting = expect(mailbox.next()).rejects.toThrow('closed');
    await mailbox.close();
    await waiting;
    await expect(send(mailbox, page)).rejects.toThrow('ECONNREFUSED');
  });

  it('names the port that is taken, and the code that is no failure', async () => {
    const port = await takenPort();
    await expect(startMailbox({ port })).rejects.toThrow(`Port ${port} is taken`);
    const mailbox = await start();
    expect(() => mailbox.failNext(1, 250)).toThrow('SMTP code 250 is no failure');
  });
});

async function start(): Promise<Mailbox> {
  const mailbox = await startMailbox();
  onTestFinished(() => mailbox.close());
  return mailbox;
}

async function send(mailbox: Mailbox, mail: object, { socketTimeout = 10_000 } = {}) {
  return createTransport({ host: '127.0.0.1', port: mailbox.port, socketTimeout }).sendMail(mail);
}
