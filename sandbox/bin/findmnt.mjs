import { spawnSync } from 'node:child_process';
import { delimiter, resolve } from 'node:path';
import { readHome } from './lib/home.mjs';

/* `findmnt` shows the sandbox's volume as what it stands in for, a file system on a partition; the rest is the real one's to say. */
const home = readHome();
const args = process.argv.slice(2);
const at = args.indexOf('--mountpoint');
if (at !== -1 && args[at + 1] === home.mount && args.includes('FSTYPE,SOURCE')) console.log(`${home.fileSystem ?? 'ext4'} /dev/nvme1n1p1`);
else {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => resolve(folder) !== resolve(home.bin));
  const { status, error } = spawnSync('findmnt', args, { stdio: 'inherit', env: { ...process.env, PATH: [...path, '/usr/bin', '/bin'].join(delimiter) } });
  if (error) console.error(`findmnt: ${error.message}`);
  process.exitCode = status ?? 1;
}
