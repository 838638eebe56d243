import { control, readHome } from './lib/home.mjs';
import { php } from './lib/php/program.mjs';

const home = readHome();
const [verb, ...rest] = process.argv.slice(2);

if (verb === 'php') process.exitCode = await php(home, rest);
else if (verb === 'restart') {
  try {
    await control(home, 'application/restart');
    console.log('Herd services have been restarted.');
  } catch (problem) {
    console.error(`herd restart: ${problem.message}`);
    process.exitCode = 1;
  }
} else {
  console.error(`Command "${verb ?? ''}" is not defined.`);
  process.exitCode = 1;
}
