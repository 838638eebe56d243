import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';

import type { Host } from '../domain/inventory.js';
import { noticesAtMost } from '../domain/login-attack.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { tinkerJson } from './artisan-command.js';
import { badInput, hostNamed } from './known-hosts.js';
import { outsideText } from './outside-text.js';
import type { Scrub } from './scrub.js';
import type { Shell } from './shell.js';
import { listed } from './wording.js';

const longestEmail = 254;

/**
 * Fixed code. The email is an attacker's text: it comes as a variable of the environment, in base64, and meets PHP as data and
 * the database as a bound parameter. To whom the mail goes is what the users table says, never the log.
 */
const code = `(function () {
  $user = App\\Models\\User::where('email', base64_decode(getenv('RESPONDER_EMAIL')))->first();
  if (is_null($user)) return 'no user';
  Illuminate\\Support\\Facades\\Mail::to($user)->send(new App\\Mail\\SecurityAlertMail());
  return 'sent';
})()`;

const hasMail = `class_exists('App\\\\Mail\\\\SecurityAlertMail')`;

/** Mails the owners of targeted accounts, through the application. */
export function notifyActivities({ hosts, shellOf, scrub }: { hosts: readonly Host[]; shellOf: (host: Host) => Shell; scrub: Scrub }) {
  return {
    /**
     * Sends the application's SecurityAlertMail to each account's owner, each once in an incident: who is about to be told is on
     * record first, so that after a crash nobody is told twice, and one may not be told at all. Ends at the first failure.
     */
    async notifyUsers({ place, emails, incident }: { place: Place; emails: string[]; incident: string }): Promise<ActResult> {
      if (!/^[A-Za-z0-9-]{1,64}$/.test(incident)) throw badInput(`no id of an incident: ${JSON.stringify(incident)}`);
      if (!Array.isArray(emails) || emails.length > noticesAtMost) throw badInput(`at most ${noticesAtMost} accounts at once, not ${emails.length}`);
      const host = hostNamed(hosts, place.host);
      // Before anybody counts as told.
      const mail = await tinkerJson({ host, shell: shellOf(host) }, hasMail);
      if ('unknown' in mail) return { outcome: 'failed', evidence: `nobody told: ${outsideText(mail.unknown, scrub, 500)}` };
      if (mail.value !== true) return { outcome: 'failed', evidence: 'nobody told: the application has no App\\Mail\\SecurityAlertMail' };
      const told = await toldBefore(host, incident);
      const counts = { sent: 0, before: 0, nobody: 0 };
      const problems: string[] = [];
      for (const email of new Set(emails)) {
        Context.current().cancellationSignal.throwIfAborted();
        if (email.length > longestEmail || !/^[^\p{Cc}]+@[^\p{Cc}]+$/u.test(email)) {
          counts.nobody += 1; // no user has such an address
          continue;
        }
        const mark = createHash('sha256').update(email).digest('hex');
        if (told.has(mark)) {
          counts.before += 1;
          continue;
        }
        await remember(host, incident, mark);
        const said = await tinkerJson({ host, shell: shellOf(host), env: { RESPONDER_EMAIL: Buffer.from(email).toString('base64') } }, code);
        if ('value' in said && said.value === 'sent') counts.sent += 1;
        else if ('value' in said && said.value === 'no user') counts.nobody += 1;
        else {
          const why = 'unknown' in said ? said.unknown : String(said.value);
          problems.push(`${outsideText(email, scrub, 80)}: ${outsideText(why, scrub, 300)}`);
          break; // what fails for one fails for all, and each try starts PHP
        }
      }
      const sentence = `${counts.sent} users told; ${counts.nobody} accounts that nobody has; ${counts.before} told before in this incident`;
      return { outcome: problems.length > 0 ? 'failed' : 'done', evidence: listed(sentence, problems) };
    },
  };
}

const pathOf = (host: Host, incident: string): string => join(host.records, `told-${incident}.txt`);

async function toldBefore(host: Host, incident: string): Promise<Set<string>> {
  const text = await readFile(pathOf(host, incident), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return new Set(text.split('\n').filter((line) => line !== ''));
}

async function remember(host: Host, incident: string, mark: string): Promise<void> {
  await mkdir(host.records, { recursive: true, mode: 0o700 });
  const file = await open(pathOf(host, incident), constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(`${mark}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

export type NotifyActivities = ReturnType<typeof notifyActivities>;
