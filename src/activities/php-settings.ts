import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding } from '../domain/step.js';
import { artisan, artisanOutcome } from './artisan-command.js';
import { withCachesBuiltAgain } from './artisan.js';
import { hostMisconfigured, hostNamed } from './known-hosts.js';
import { commandsWords } from './shell.js';
import type { CommandResult, Shell } from './shell.js';
import { fitted } from './wording.js';

const compiledCaches = ['config', 'route', 'view'] as const;
/** What `optimize:clear` clears besides the cache, as commands of their own. */
const optimizeParts = ['config:clear', 'route:clear', 'view:clear', 'event:clear', 'clear-compiled'];

/** Activities on PHP's settings and the application's compiled caches. */
export function phpActivities({ hosts, shellOf }: { hosts: readonly Host[]; shellOf: (host: Host) => Shell }) {
  function at(place: Place): { host: Host; shell: Shell } {
    const host = hostNamed(hosts, place.host);
    return { host, shell: shellOf(host) };
  }

  return {
    /**
     * Settings of `php -i` whose names begin with `prefix`, such as `memory_limit` or `opcache.enable`. Of the command line's PHP,
     * as the runbook asks; the web server's may differ. Reads only; a repeat is safe.
     */
    async phpSettings({ place, prefix }: { place: Place; prefix: 'memory_limit' | 'opcache' }): Promise<Finding<Record<string, string>>> {
      const { host, shell } = at(place);
      const [program, ...before] = host.php;
      if (program === undefined) throw hostMisconfigured(`host ${host.name} does not say how PHP is called`);
      const result = await shell.run(program, [...before, '-i'], { cwd: host.root, asUser: host.user });
      if (result.exitCode !== 0) return { evidence: `php -i: ${fitted(commandsWords('php', result), 500)}`, data: {} };
      const settings = (await wholeOutput(host, result)).split('\n').flatMap((line) => {
        const [, name, value] = /^([a-z_]+(?:\.[a-z_]+)*) => (.{0,80}?) => /.exec(line) ?? [];
        return name?.startsWith(prefix) && value !== undefined ? [[name, value] as const] : [];
      });
      const words = settings.map(([name, value]) => `${name} ${value}`).join(', ');
      return { evidence: fitted(`php -i (command line): ${words || `says nothing of ${prefix}`}`, 1_000), data: Object.fromEntries(settings) };
    },

    /**
     * `config:clear`, `route:clear` or `view:clear`; what was cached before is built again in the same step. A repeat is safe.
     */
    async clearCompiled({ place, what }: { place: Place; what: (typeof compiledCaches)[number] }): Promise<ActResult> {
      const { host, shell } = at(place);
      const command = `${what}:clear`;
      if (!compiledCaches.includes(what)) throw hostMisconfigured(`nothing compiled is called ${JSON.stringify(what)}`);
      return withCachesBuiltAgain({ host, shell }, async () => {
        const cleared = artisanOutcome(command, await artisan({ host, shell, command }));
        // Views are compiled again on use; where they can be built at once, no visitor waits for that.
        return what === 'view' && cleared.outcome === 'done' ? viewsBuiltAgain({ host, shell }, cleared) : cleared;
      });
    },

    /**
     * `optimize:clear` with more memory for this one command, except its `cache:clear`, which has a rule and a limit of its own;
     * then config and route caches that were there, and views, are built again. Where this version can't leave the cache out,
     * its other parts run one by one. A repeat is safe.
     */
    async optimizeClear({ place, memoryLimit }: { place: Place; memoryLimit: '512M' }): Promise<ActResult> {
      const { host, shell } = at(place);
      const more = { host: { ...host, php: [...host.php, '-d', `memory_limit=${memoryLimit}`] }, shell };
      return withCachesBuiltAgain({ host, shell }, async () => {
        const whole = await artisan({ ...more, command: 'optimize:clear', args: ['--except=cache'] });
        if (whole.exitCode === 0) return viewsBuiltAgain({ host, shell }, artisanOutcome('optimize:clear', whole));
        const words = artisanOutcome('optimize:clear', whole);
        if (whole.exists && !/--except" option does not exist/.test(whole.stdout + whole.stderr)) return words;
        const parts: string[] = [];
        for (const command of optimizeParts) {
          const result = await artisan({ ...more, command });
          if (!result.exists) continue;
          const part = artisanOutcome(command, result);
          if (part.outcome !== 'done') return part;
          parts.push(command);
        }
        if (parts.length === 0) return words;
        return viewsBuiltAgain({ host, shell }, { outcome: 'done', evidence: `with memory_limit ${memoryLimit}: ${parts.join(', ')}` });
      });
    },
  };
}

async function viewsBuiltAgain(at: { host: Host; shell: Shell }, before: ActResult): Promise<ActResult> {
  const result = await artisan({ ...at, command: 'view:cache' });
  if (!result.exists) return before;
  const built = artisanOutcome('view:cache', result);
  const outcome = before.outcome === 'done' && built.outcome !== 'done' ? 'failed' : before.outcome;
  return { ...before, outcome, evidence: fitted(`${before.evidence}; ${built.evidence}`) };
}

/** The output, from the record where it was too long for the result: `php -i` always is. */
async function wholeOutput({ records }: Host, { file, stdout }: CommandResult): Promise<string> {
  return file === undefined ? stdout : readFile(join(records, basename(file)), 'utf8').catch(() => stdout);
}

export type PhpActivities = ReturnType<typeof phpActivities>;
