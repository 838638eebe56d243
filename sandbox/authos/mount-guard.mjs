// Holds a capped tmpfs for as long as it lives: mounts it, and takes it away on SIGTERM. It is an owned process, so that the
// watchdog ends it, and with it the mount, when the sandbox's own process is gone. Arguments: folder, bytes, inodes, uid, gid.
import { spawnSync } from 'node:child_process';

const [folder, bytes, inodes, uid, gid] = process.argv.slice(2);

function unmount() {
  // Lazily if somebody still has a file open there: the name is free at once, the memory when they let go.
  if (spawnSync('umount', [folder]).status !== 0) spawnSync('umount', ['-l', folder]);
  process.exit(0);
}
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, unmount);

const options = `size=${bytes},nr_inodes=${inodes},mode=755,uid=${uid},gid=${gid},nosuid,nodev`;
const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'authos-storage', folder], { encoding: 'utf8' });
if (status !== 0) {
  console.error(error?.message ?? stderr.trim());
  process.exit(1);
}
setInterval(() => {}, 2 ** 30);
