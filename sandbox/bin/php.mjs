import { readHome } from './lib/home.mjs';
import { php } from './lib/php/program.mjs';

process.exitCode = await php(readHome(), process.argv.slice(2));
