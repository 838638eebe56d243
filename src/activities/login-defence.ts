import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Context } from '@temporalio/activity';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { hostNamed } from './known-hosts.js';
import { listed, shownName } from './wording.js';

/** Source files are never near these. */
const largestFile = 1024 * 1024;
const mostFiles = 5_000;

/** What lockouts of accounts look like in Laravel's code: the framework's own words, and the columns and settings people give them. */
const lockout = /ThrottlesLogins|hasTooManyLoginAttempts|fireLockoutEvent|Events\\Lockout|locked_until|lockout_(?:minutes|time|until)|account_lock(?:ed|out)/i;

/** Activities that look what the application itself does against attacks on logins. They only read. */
export function loginDefenceActivities({ hosts }: { hosts: readonly Host[] }) {
  return {
    /** Whether the routes of logins are throttled, as `grep "throttle:auth" routes/api.php` would show; 'failed' if they are not. */
    async checkAuthThrottle({ place }: { place: Place }): Promise<ActResult> {
      const host = hostNamed(hosts, place.host);
      const text = await textOf(join(host.root, 'routes/api.php'));
      if (text === undefined) return { outcome: 'failed', evidence: "routes/api.php can't be read" };
      const rows = linesWith(text, /throttle:auth\b/);
      return rows.length > 0 ? { outcome: 'done', evidence: listed('throttle:auth is on', rows, 5) } : { outcome: 'failed', evidence: 'no throttle:auth in routes/api.php' };
    },

    /** Whether the code locks accounts after failed logins, by what such code looks like; 'failed' if nothing does. */
    async checkAccountLockout({ place }: { place: Place }): Promise<ActResult> {
      const host = hostNamed(hosts, place.host);
      const rows: string[] = [];
      let files = 0;
      for (const folder of ['app', 'config', 'routes']) {
        for (const path of await phpFiles(join(host.root, folder))) {
          Context.current().cancellationSignal.throwIfAborted();
          files += 1;
          if (files > mostFiles) return { outcome: 'failed', evidence: `more than ${mostFiles} files of code: not looked through` };
          const text = await textOf(path);
          for (const row of text === undefined ? [] : linesWith(text, lockout).slice(0, 2)) rows.push(`${shownName(relative(host.root, path))} ${row}`);
        }
      }
      return rows.length > 0
        ? { outcome: 'done', evidence: listed('accounts seem to be locked after failed logins', rows, 5) }
        : { outcome: 'failed', evidence: `nothing in ${files} files of app, config and routes locks an account` };
    },
  };
}

async function phpFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile() && entry.name.endsWith('.php')).map((entry) => join(entry.parentPath, entry.name));
}

async function textOf(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => undefined);
  try {
    const found = await file?.stat();
    return file && found?.isFile() && found.size <= largestFile ? await file.readFile('utf8') : undefined;
  } finally {
    await file?.close();
  }
}

/** `line 7: …` of each line that has it; comments do not count. */
function linesWith(text: string, what: RegExp): string[] {
  return text.split('\n').flatMap((line, index) => {
    const isCode = !/^\s*(?:\/\/|#(?!\[)|\*|\/\*)/.test(line);
    return isCode && what.test(line) ? [`line ${index + 1}: ${shownName(line.trim().slice(0, 120))}`] : [];
  });
}

export type LoginDefenceActivities = ReturnType<typeof loginDefenceActivities>;
