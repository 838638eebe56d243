import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readHome } from './lib/home.mjs';

const { root } = readHome();
const known = {
  install: ['--no-dev', '--no-interaction', '--no-ansi', '--no-progress', '--optimize-autoloader'],
  'dump-autoload': ['--optimize', '--no-interaction', '--no-ansi'],
};

process.exitCode = main(process.argv.slice(2));

/** Composer, as far as a deployment needs it: installs what composer.lock names, and writes the class map. */
function main([command, ...options]) {
  if (!Object.hasOwn(known, command ?? '')) return fail(`Command "${command ?? ''}" is not defined.`);
  const other = options.find((option) => !known[command].includes(option));
  if (other) return fail(`The "${other}" option does not exist.`);
  if (process.cwd() !== root) return fail(`Composer could not find a composer.json file in ${process.cwd()}`);
  if (!existsSync(join(root, 'composer.json'))) return fail(`Composer could not find a composer.json file in ${root}`);
  if (command === 'install') {
    const lock = JSON.parse(readFileSync(join(root, 'composer.lock'), 'utf8'));
    const packages = [...lock.packages, ...(options.includes('--no-dev') ? [] : lock['packages-dev'])];
    console.error(`Installing dependencies from lock file${options.includes('--no-dev') ? '' : ' (including require-dev)'}`);
    const before = readInstalled();
    const same = JSON.stringify(before) === JSON.stringify(packages);
    console.error(same ? 'Nothing to install, update or remove' : `Package operations: ${packages.length} installs, 0 updates, 0 removals`);
    write('vendor/composer/installed.json', JSON.stringify({ packages }, null, 2));
  }
  const classes = classMap();
  write('vendor/autoload.php', "<?php return require __DIR__.'/composer/autoload_real.php';\n");
  write('vendor/composer/autoload_classmap.php', `<?php\n\nreturn [\n${Object.entries(classes).map(([name, file]) => `    '${name}' => $baseDir.'/${file}',\n`).join('')}];\n`);
  console.error(`Generated ${options.includes('--optimize') ? 'optimized ' : ''}autoload files containing ${Object.keys(classes).length} classes`);
  return 0;
}

function classMap() {
  const files = existsSync(join(root, 'app')) ? readdirSync(join(root, 'app'), { recursive: true, withFileTypes: true }) : [];
  const php = files.filter((file) => file.isFile() && file.name.endsWith('.php')).map((file) => relative(root, join(file.parentPath, file.name)));
  return Object.fromEntries(php.sort().map((file) => [`App\\${file.slice('app/'.length, -'.php'.length).replaceAll('/', '\\')}`, file]));
}

function readInstalled() {
  const file = join(root, 'vendor/composer/installed.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : [];
}

function write(path, text) {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

function fail(text) {
  console.error(text);
  return 1;
}
