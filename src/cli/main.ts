import { CommanderError } from 'commander';
import type { Surroundings } from './cli.js';
import { CliError } from './cli-error.js';
import { tellFailure } from './output.js';
import { buildProgram } from './program.js';

const surroundings: Surroundings = {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  now: Date.now,
  interruption() {
    const interruption = new AbortController();
    process.once('SIGINT', () => interruption.abort());
    return interruption.signal;
  },
};

// `responder report ID | head` closes our output early: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

process.exitCode = await run(process.argv.slice(2));

/** Runs one command line and gives its exit code. */
async function run(words: string[]): Promise<number> {
  const { stdout, stderr } = surroundings;
  const json = wantsJson(words);
  let code = 0;
  const program = buildProgram({ ...surroundings, stderr: json ? { write: () => true } : stderr }, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync(words, { from: 'user' });
    return code;
  } catch (failure) {
    if (!(failure instanceof CommanderError)) return tellFailure(failure, { stdout, stderr, json });
    if (failure.exitCode === 0) return 0; // help was asked for and given
    return tellUsage(failure, json);
  }
}

/** Commander has told people already; a script gets the JSON document instead. */
function tellUsage(failure: CommanderError, json: boolean): number {
  const { stdout } = surroundings;
  const message = failure.code === 'commander.help' ? 'no command was given' : failure.message.replace(/^error: /, '');
  const error = new CliError({ error: 'usage', exit: 'usage', message, next: 'See responder --help.' });
  return tellFailure(error, { stdout: json ? stdout : { write: () => true }, stderr: { write: () => true }, json });
}

// Needed before, and also when, the flags can't be parsed.
function wantsJson(words: string[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end === -1 ? words.length : end).includes('--json');
}
