import { uptime } from 'node:os';
import { control, readHome } from './lib/home.mjs';

/* `systemctl` for the servers of the sandbox: show, is-active, start, restart, stop. */
const home = readHome();
const [verb, ...args] = process.argv.slice(2);
const properties = [];
const units = [];
for (let at = 0; at < args.length; at++) {
  if (args[at] === '-p') properties.push(...(args[++at] ?? '').split(','));
  else if (args[at]?.startsWith('--property=')) properties.push(...args[at].slice('--property='.length).split(','));
  else if (args[at] !== '--') units.push(args[at]);
}
const unit = units[0]?.replace(/\.service$/, '');

try {
  process.exitCode = await run();
} catch (problem) {
  console.error(problem.message.includes('no such unit') ? `Failed to ${verb} ${unit}.service: Unit ${unit}.service not found.` : `Job for ${unit}.service failed: ${problem.message}`);
  process.exitCode = problem.message.includes('no such unit') ? 5 : 1;
}

async function run() {
  if (unit === undefined || units.length > 1) return usage();
  switch (verb) {
    case 'restart':
    case 'start':
      await control(home, 'service/restart', { unit });
      return 0;
    case 'stop':
      await control(home, 'service/stop', { unit });
      return 0;
    case 'is-active': {
      const { running } = JSON.parse(await control(home, 'service/state', { unit }));
      console.log(running ? 'active' : 'inactive');
      return running ? 0 : 3;
    }
    case 'show':
      return show();
    default:
      return usage();
  }
}

async function show() {
  // The real one exits 0 for a unit it does not know, and says so in LoadState.
  const state = await control(home, 'service/state', { unit }).then(JSON.parse, () => undefined);
  const since = state?.startedAt ? Math.round((state.startedAt - (Date.now() - uptime() * 1000)) * 1000) : 0;
  const values = {
    Id: `${unit}.service`,
    LoadState: state === undefined ? 'not-found' : 'loaded',
    ActiveState: state?.running ? 'active' : 'inactive',
    SubState: state?.running ? 'running' : 'dead',
    ActiveEnterTimestampMonotonic: String(since),
    ExecMainStartTimestampMonotonic: String(since),
  };
  for (const name of properties) if (Object.hasOwn(values, name)) console.log(`${name}=${values[name]}`);
  return 0;
}

function usage() {
  console.error(`systemctl: the sandbox's knows show, is-active, start, restart and stop of one unit, not: ${process.argv.slice(2).join(' ')}`);
  return 1;
}
