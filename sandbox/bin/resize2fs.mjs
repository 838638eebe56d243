import { control, readHome } from './lib/home.mjs';

/* `resize2fs DEVICE`: makes the sandbox's file system as large as its partition. */
const home = readHome();
const [device, ...more] = process.argv.slice(2);
console.error('resize2fs 1.47.0 (5-Feb-2023)');
if (device !== '/dev/nvme1n1p1' || more.length > 0) {
  console.error(`open: No such file or directory while opening ${device ?? ''}`);
  process.exitCode = 1;
} else {
  const { grown, blocks } = JSON.parse(await control(home, 'volume/grow'));
  if (grown) console.log(`Filesystem at ${device} is mounted on ${home.mount}; on-line resizing required\nThe filesystem on ${device} is now ${blocks} (4k) blocks long.`);
  else console.log(`The filesystem is already ${blocks} (4k) blocks long.  Nothing to do!`);
}
