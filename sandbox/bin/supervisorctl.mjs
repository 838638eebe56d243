import { control, readHome } from './lib/home.mjs';

/* `supervisorctl` for the queue workers of the sandbox: status, start, stop, restart, reread, update. Its words are the daemon's. */
const [verb = '', ...names] = process.argv.slice(2);
try {
  const { said, exitCode } = JSON.parse(await control(readHome(), 'supervisor', { verb, names }));
  if (said !== '') console.log(said);
  process.exitCode = exitCode;
} catch (problem) {
  console.error(problem.message.includes('404') ? 'unix:///var/run/supervisor.sock no such file' : problem.message);
  process.exitCode = 4;
}
