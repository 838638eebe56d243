import { appendFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const rootOf = (config) => join(config.session.files, '../../..');

/** Whether the application has this class of mail, as its file says. */
export function hasMail(config, name) {
  const match = /^App\\Mail\\(\w+)$/.exec(name.replace(/^\\/, ''));
  return match !== null && existsSync(join(rootOf(config), 'app/Mail', `${match[1]}.php`));
}

/** Sends to a user with the mailer of the config: `smtp`, or `log`, which writes the mail into the log as Laravel's does. */
export async function sendMail(config, user, mail) {
  const message = { from: config.mail.from, to: user.email, subject: mail.class.replace(/^.*\\/, '').replace(/Mail$/, '').replace(/(?<=[a-z])(?=[A-Z])/g, ' '), text: `Hello ${user.name}, somebody tried to log in to your account.` };
  if (config.mail.default === 'log') {
    const now = new Date().toISOString();
    const file = join(rootOf(config), 'storage/logs', `laravel-${now.slice(0, 10)}.log`);
    await appendFile(file, `[${now}] ${config.app.env}.DEBUG: To: ${message.to} Subject: ${message.subject} ${JSON.stringify({})}\n`);
    return null;
  }
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({ host: config.mail.host, port: config.mail.port, secure: false, ignoreTLS: true });
  try {
    await transport.sendMail(message);
  } finally {
    transport.close();
  }
  return null;
}
