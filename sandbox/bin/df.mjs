import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { control, readHome } from './lib/home.mjs';

/*
 * `df` where no volume could be mounted: the application's storage folder is shown as a volume of its own, with a capacity
 * and its use counted from real files. The sandbox counts: a file system, too, tells every user the same, also of files that
 * are deleted and held open by others. Everything else is the real df's to say.
 */
const home = readHome();
const known = new Set(['-P', '-k', '-i', '-h', '--portability', '--inodes', '--human-readable']);
const flags = [];
const operands = [];
for (const arg of process.argv.slice(2)) {
  if (/^-[A-Za-z]{2,}$/.test(arg)) flags.push(...[...arg.slice(1)].map((letter) => `-${letter}`));
  else if (arg.startsWith('-') && arg !== '--') flags.push(arg);
  else if (arg !== '--') operands.push(arg);
}

const mount = realpathSync(home.mount);
const onMount = (operand) => {
  try {
    const path = realpathSync(resolve(operand));
    return path === mount || path.startsWith(`${mount}/`);
  } catch {
    return false;
  }
};
const ours = operands.filter(onMount);
const others = operands.filter((operand) => !onMount(operand));

if (ours.length === 0 && operands.length > 0) process.exit(realDf(process.argv.slice(2)));
const strange = flags.find((flag) => !known.has(flag));
if (strange !== undefined) {
  console.error(`df: the sandbox's df knows only -P, -k, -i and -h, not ${strange}`);
  process.exit(1);
}

const usage = JSON.parse(await control(home, 'capacity/usage'));
const inodes = flags.includes('-i') || flags.includes('--inodes');
const human = flags.includes('-h') || flags.includes('--human-readable');
const portable = flags.includes('-P') || flags.includes('--portability');
const { total, used } = inodes ? usage.inodes : usage.bytes;

const real = operands.length === 0 || others.length > 0 ? realDf([...flags, '--', ...others]) : 0;
if (operands.length > 0 && others.length === 0) console.log(head());
console.log(row());
process.exitCode = real;

function head() {
  if (inodes) return 'Filesystem                Inodes      IUsed      IFree IUse% Mounted on';
  if (human) return `Filesystem                  Size       Used  Avail ${portable ? 'Capacity' : 'Use%'} Mounted on`;
  return `Filesystem           ${portable ? '1024-blocks' : '  1K-blocks'}       Used  Available ${portable ? 'Capacity' : 'Use%'} Mounted on`;
}

function row() {
  const percent = total === 0 ? '-' : `${Math.ceil((used * 100) / total)}%`;
  const figure = (value) => (human ? humanSize(value, inodes ? 1000 : 1024) : String(inodes ? value : Math.ceil(value / 1024))).padStart(11);
  return `authos-storage      ${figure(total)}${figure(used)}${figure(total - used)} ${percent.padStart(5)} ${mount}`;
}

/** As GNU df rounds: up, one decimal below ten. */
function humanSize(value, base) {
  const units = ['', 'K', 'M', 'G', 'T'];
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return `${unit > 0 && value < 10 ? (Math.ceil(value * 10) / 10).toFixed(1) : Math.ceil(value)}${units[unit]}`;
}

/** The real df is the one on PATH behind our own folder. */
function realDf(args) {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => resolve(folder) !== resolve(home.bin));
  const { status, error } = spawnSync('df', args, { stdio: 'inherit', env: { ...process.env, PATH: [...path, '/usr/bin', '/bin'].join(delimiter) } });
  if (error) console.error(`df: ${error.message}`);
  return status ?? 1;
}
