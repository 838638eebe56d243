import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { runningConfig } from './config.mjs';
import { error, exception, parseOptions } from './output.mjs';
import { cacheCommands } from './commands/cache.mjs';
import { databaseCommands } from './commands/database.mjs';
import { extraCommands } from './commands/extra.mjs';
import { inspectCommands } from './commands/inspect.mjs';
import { migrateCommands } from './commands/migrate.mjs';
import { passportCommands } from './commands/passport.mjs';
import { queueCommands } from './commands/queue.mjs';
import { workerCommands } from './commands/worker.mjs';

/** Runs one artisan command as Laravel would, and resolves to its exit code. Words go to stdout, as Laravel's do. */
export async function artisan(home, root, args) {
  const commands = commandsOf(home);
  const at = args.findIndex((arg) => !arg.startsWith('-'));
  const name = at === -1 ? 'list' : args[at];
  const rest = args.filter((_, index) => index !== at);
  try {
    const found = name === 'list' ? { list: true } : find(commands, name);
    if (found.list) return list(commands, rest);
    if (!found.command) return unknown(found);
    const options = parseOptions(rest, found.command.options ?? {});
    return (await found.command.run({ root, home, config: runningConfig(root) }, options)) ?? 0;
  } catch (problem) {
    exception(problem);
    logException(root, problem);
    return 1;
  }
}

function commandsOf(home) {
  const extras = Object.fromEntries(Object.entries(extraCommands).filter(([name]) => home.extraCommands.includes(name)));
  const all = { ...inspectCommands, ...cacheCommands, ...databaseCommands, ...migrateCommands, ...passportCommands, ...queueCommands, ...workerCommands, ...extras };
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Symfony's rules: the exact name, else the one command whose parts begin with the parts given, else why not. */
function find(commands, name) {
  if (Object.hasOwn(commands, name)) return { command: commands[name] };
  const names = Object.keys(commands);
  const parts = name.split(':');
  const fits = (candidate) => {
    const own = candidate.split(':');
    return own.length === parts.length && own.every((part, index) => part.startsWith(parts[index]));
  };
  const candidates = names.filter(fits);
  if (candidates.length === 1) return { command: commands[candidates[0]] };
  if (candidates.length > 1) return { message: `Command "${name}" is ambiguous`, alternatives: candidates };
  const namespaces = new Set(names.filter((known) => known.includes(':')).map((known) => known.split(':')[0]));
  if (parts.length > 1 && ![...namespaces].some((known) => known.startsWith(parts[0]))) {
    return { message: `There are no commands defined in the "${parts[0]}" namespace`, alternatives: [...namespaces].filter((known) => near(known, parts[0])) };
  }
  const alternatives = names.filter((known) => near(known, name) || known.split(':')[0] === parts[0] || parts.some((part) => known.includes(part)));
  return { message: `Command "${name}" is not defined`, alternatives };
}

function unknown({ message, alternatives }) {
  if (alternatives.length === 0) error(`${message}.`);
  else {
    error(`${message}. Did you mean one of these?`);
    for (const alternative of alternatives) console.log(`  ⇂ ${alternative}`);
    console.log();
  }
  return 1;
}

function list(commands, args) {
  const names = ['list', ...Object.keys(commands)].sort();
  const width = Math.max(...names.map((name) => name.length)) + 2;
  const describe = (name) => commands[name]?.description ?? 'List commands';
  if (!args.includes('--raw')) console.log('Laravel Framework 11.44.0\n\nUsage:\n  command [options] [arguments]\n\nAvailable commands:');
  for (const name of names) console.log(`${args.includes('--raw') ? '' : '  '}${name.padEnd(width)} ${describe(name)}`);
  return 0;
}

/** The day's log is created by whoever comes first: run as root, it shuts the application out. As in the real one. */
function logException(root, problem) {
  const now = new Date().toISOString();
  try {
    const exception = JSON.stringify(`[object] (${problem.phpClass ?? 'Error'}(code: 0): ${problem.message} at ${root}/artisan:1)`).slice(1, -1);
    const lines = `[${now.slice(0, 19)}+00:00] production.ERROR: ${problem.message} {"exception":"${exception}\n[stacktrace]\n#0 {main}\n"} \n`;
    appendFileSync(join(root, `storage/logs/laravel-${now.slice(0, 10)}.log`), lines);
  } catch (cause) {
    console.error(`The stream or file could not be opened in append mode: ${cause.message}`);
  }
}

/** Levenshtein distance of at most a third of the word, which is what Symfony suggests by. */
function near(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length] <= b.length / 3;
}
