import { control, readHome } from './lib/home.mjs';

/* `growpart DISK NUMBER`: makes the partition as large as its disk. Exits 1 where there is nothing to do, as the real one does. */
const home = readHome();
const [disk, number, ...more] = process.argv.slice(2);
if (disk !== '/dev/nvme1n1' || number !== '1' || more.length > 0) {
  console.error(`FAILED: ${disk ?? ''}: not a device of this sandbox`);
  process.exitCode = 2;
} else {
  const { before, after } = JSON.parse(await control(home, 'volume/growpart'));
  const sectors = (gib) => gib * 2 ** 21;
  if (before === after) {
    console.log(`NOCHANGE: partition 1 is size ${sectors(after)}. it cannot be grown`);
    process.exitCode = 1;
  } else console.log(`CHANGED: partition=1 start=2048 old: size=${sectors(before)} new: size=${sectors(after)}`);
}
