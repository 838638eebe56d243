import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';

const block = 4096;

/** Bytes a file takes on a disk of 4 KiB blocks. Some filesystems keep small files in the inode and say 0 blocks. */
function bytesOf(info) {
  if (!info.isFile()) return 0;
  return info.blocks > 0 ? info.blocks * 512 : Math.ceil(info.size / block) * block;
}

async function walk(folder, found) {
  // A folder may vanish or be closed to us while we look: it then counts as empty.
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    const info = await lstat(path).catch(() => undefined);
    if (!info) continue;
    found.set(`${info.dev}:${info.ino}`, bytesOf(info));
    if (entry.isDirectory()) await walk(path, found);
  }
}

/** Deleted files keep their blocks while a process holds them open: a real filesystem counts them, so this does. */
async function addHeldOpen(folder, found) {
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const link = `/proc/${pid}/fd/${fd}`;
      const target = await readlink(link).catch(() => '');
      if (!target.startsWith(`${folder}/`) || !target.endsWith(' (deleted)')) continue;
      const info = await stat(link).catch(() => undefined);
      if (info) found.set(`${info.dev}:${info.ino}`, bytesOf(info));
    }
  }
}

/** What is in use under a folder that plays a volume of its own: `{ bytes, inodes }`, held-open deleted files included. */
export async function usageOf(folder) {
  const found = new Map();
  await walk(folder, found);
  await addHeldOpen(folder, found);
  let bytes = 0;
  for (const size of found.values()) bytes += size;
  return { bytes, inodes: found.size + 1 };
}
