import { control, readHome } from './lib/home.mjs';

/* `docker` for the servers of the sandbox: restart with its -t, and inspect with the formats of a container's state. */
const home = readHome();
const [verb, ...args] = process.argv.slice(2);
const options = {};
const names = [];
for (let at = 0; at < args.length; at++) {
  if (['-t', '--time', '--timeout', '--type', '--format', '-f'].includes(args[at])) options[args[at].replace(/^-+/, '')] = args[++at];
  else names.push(args[at]);
}
const [unit] = names;

try {
  process.exitCode = await run();
} catch (problem) {
  console.error(problem.message.includes('no such unit') ? `Error response from daemon: No such container: ${unit}` : `Error response from daemon: Cannot restart container ${unit}: ${problem.message}`);
  process.exitCode = 1;
}

async function run() {
  if (names.length !== 1) return usage();
  if (verb === 'restart') {
    await control(home, 'service/restart', { unit });
    console.log(unit);
    return 0;
  }
  if (verb !== 'inspect') return usage();
  const { running, startedAt } = JSON.parse(await control(home, 'service/state', { unit }));
  const values = { '.State.Running': String(running), '.State.StartedAt': new Date(startedAt).toISOString(), '.Name': `/${unit}` };
  const format = options.format ?? options.f ?? '';
  const unknown = [...format.matchAll(/\{\{\s*([^}\s]+)\s*\}\}/g)].find(([, name]) => !Object.hasOwn(values, name));
  if (format === '' || unknown) return usage();
  console.log(format.replace(/\{\{\s*([^}\s]+)\s*\}\}/g, (_, name) => values[name]));
  return 0;
}

function usage() {
  console.error(`docker: the sandbox's knows restart [-t n] and inspect --format of one container, not: ${process.argv.slice(2).join(' ')}`);
  return 1;
}
