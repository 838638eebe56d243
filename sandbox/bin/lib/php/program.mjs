import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { artisan } from '../artisan.mjs';

/** `php` as far as the runbooks use it: `-v`, `-i`, `-d key=value`, and `artisan` of this sandbox. Resolves to the exit code. */
export async function php(home, args) {
  const settings = { memory_limit: home.phpMemoryLimit };
  const rest = [...args];
  while (rest[0] === '-d') {
    const [, setting] = rest.splice(0, 2);
    const match = /^([a-z_.]+)=(.*)$/.exec(setting ?? '');
    if (match) settings[match[1]] = match[2];
  }
  const [first, ...following] = rest;
  if (first === '-v' || first === '--version') return say('PHP 8.3.0 (cli) (sandbox)');
  if (first === '-i') return say(['phpinfo()', ...Object.entries(settings).map(([key, value]) => `${key} => ${value} => ${value}`)].join('\n'));
  if (first === undefined || first.startsWith('-')) return fail(`php: the sandbox has no PHP, and cannot do: php ${args.join(' ')}`);
  if (basename(first) !== 'artisan' || !existsSync(first)) return fail(`Could not open input file: ${first}`);
  const root = dirname(realpathSync(resolve(first)));
  if (root !== realpathSync(home.root)) return fail(`php: ${root} is not the application of this sandbox (${home.root})`);
  return artisan(home, root, following);
}

function say(text) {
  console.log(text);
  return 0;
}

function fail(text) {
  console.error(text);
  return 1;
}
