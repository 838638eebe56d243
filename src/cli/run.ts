import { CommanderError } from 'commander';
import type { Surroundings } from './cli.js';
import { CliError } from './cli-error.js';
import { tellFailure } from './output.js';
import { buildProgram } from './program.js';

/** Runs one command line (without `responder`), tells its result or failure, and gives its exit code. Never throws. */
export async function run(words: string[], surroundings: Surroundings): Promise<number> {
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
    return tellUsage(failure, { stdout, json });
  }
}

/** Commander has told people already; a script gets the JSON document instead. */
function tellUsage(failure: CommanderError, { stdout, json }: Pick<Surroundings, 'stdout'> & { json: boolean }): number {
  const message = failure.code === 'commander.help' ? 'no command was given' : failure.message.replace(/^error: /, '');
  const error = new CliError({ error: 'usage', exit: 'usage', message, next: 'See responder --help.' });
  return tellFailure(error, { stdout: json ? stdout : { write: () => true }, stderr: { write: () => true }, json });
}

// Needed before, and also when, the flags can't be parsed.
function wantsJson(words: string[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end === -1 ? words.length : end).includes('--json');
}
