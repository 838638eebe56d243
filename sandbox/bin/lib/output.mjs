/** Laravel's console components, as they look without a terminal. */
export const info = (text) => console.log(`\n   INFO  ${text}  \n`);
export const error = (text) => console.log(`\n   ERROR  ${text}  \n`);
export const twoColumns = (left, right, width = 100) => console.log(`  ${left} ${'.'.repeat(Math.max(1, width - left.length - right.length))} ${right}`);

/** One line a task, with its time, and FAIL with the reason thrown on where it fails. */
export async function task(title, act) {
  const startedAt = performance.now();
  const line = (end) => twoColumns(title, `${(performance.now() - startedAt).toFixed(2)}ms ${end}`);
  try {
    await act();
    line('DONE');
  } catch (problem) {
    line('FAIL');
    throw problem;
  }
}

/** Symfony's box around an exception that nobody caught. */
export function exception(problem) {
  const message = problem.message || problem.code || String(problem);
  const pad = ' '.repeat(message.length + 4);
  console.log(`\nIn ${problem.constructor.name}:\n${pad}\n  ${message}  \n${pad}\n`);
}

/** `--name=value`, `--name value` for options that take one, `--flag`, and the rest in `_`. Throws Symfony's words on others. */
export function parseOptions(args, known) {
  const options = { _: [] };
  const all = { ...known, 'no-interaction': false, quiet: false, ansi: false, 'no-ansi': false, env: true };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === '-n') options['no-interaction'] = true;
    else if (arg === '-q') options.quiet = true;
    else if (arg.startsWith('--')) {
      const [, name, , value] = /^--([^=]+)(=(.*))?$/s.exec(arg);
      if (!(name in all)) throw new Error(`The "--${name}" option does not exist.`);
      if (all[name] === false && value !== undefined) throw new Error(`The "--${name}" option does not accept a value.`);
      options[name] = all[name] === false ? true : (value ?? args[++i]);
      if (options[name] === undefined) throw new Error(`The "--${name}" option requires a value.`);
    } else options._.push(arg);
  }
  return options;
}
