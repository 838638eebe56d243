import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { Clearing, emptyFolder } from './clearing.js';
import { readHolds } from './evidence.js';
import { deletedHeldOpen } from './held-open.js';
import { hostNamed, mountNamed, wholeNumber } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import { listOldLogs, takeOldLogs } from './old-logs.js';
import type { OpenFolder } from './open-folder.js';
import type { Shell } from './shell.js';
import { openStorageFolder, storagePath } from './storage-folder.js';
import type { StorageFolder } from './storage-folder.js';

/** Activities that delete files on a host: the first two steps of Disk Space Critical. They act as the worker's own user. */
export function hostActivities({ hosts, shellOf }: { hosts: readonly Host[]; shellOf: (host: Host) => Shell }) {
  async function inStorage(
    place: Place,
    what: StorageFolder,
    act: (folder: OpenFolder, host: Host, mount: string) => Promise<ActResult>,
  ): Promise<ActResult> {
    const host = hostNamed(hosts, place.host);
    const mount = mountNamed(host, place);
    const folder = await openStorageFolder({ host, mount, what });
    if ('refused' in folder) return { outcome: 'refused', evidence: `nothing deleted: ${folder.refused}` };
    try {
      return await act(folder, host, mount);
    } finally {
      await folder.close();
    }
  }

  async function told(clearing: Clearing, what: string, host: Host, mount: string): Promise<ActResult> {
    const evidence = clearing.text(what, await deletedHeldOpen(shellOf(host), mount));
    const nothingWorked = clearing.deleted + clearing.moved === 0 && clearing.left.length > 0;
    return { outcome: nothingWorked ? 'failed' : 'done', evidence };
  }

  return {
    /**
     * Deletes `*.log` under storage/logs older than `days` full days (as `find -mtime +7`), moves those of protected channels to
     * the archive instead, and leaves evidence and the file names in `keep`. Says what was freed and what is deleted but held
     * open. A repeat is safe.
     */
    async deleteOldLogs({ place, days, keep = [] }: { place: Place; days: number; keep?: string[] }): Promise<ActResult> {
      wholeNumber('days', days, { min: 1, max: 3650 });
      return inStorage(place, 'logs', async (folder, host, mount) => {
        const clearing = new Clearing();
        const paths = await listOldLogs(shellOf(host), folder, days);
        await takeOldLogs(folder, paths, { host, holds: await readHolds(host), days, keep, clearing });
        return told(clearing, `${storagePath('logs')}, older than ${days} days`, host, mount);
      });
    },

    /**
     * Deletes all that is in storage/framework/{cache/data,views,sessions}; the folder and its .gitignore stay. Without sessions
     * everybody has to log in again. A repeat is safe.
     */
    async clearFolder({ place, what }: { place: Place; what: Exclude<StorageFolder, 'logs'> }): Promise<ActResult> {
      // Logs have protected channels and go by age: a caller who skips the types must not empty them.
      if ((what as StorageFolder) === 'logs') return { outcome: 'refused', evidence: 'nothing deleted: logs are cleared by age' };
      return inStorage(place, what, async (folder, host, mount) => {
        const clearing = new Clearing();
        await emptyFolder(folder, { holds: await readHolds(host), clearing, keep: ['.gitignore'] });
        return told(clearing, storagePath(what), host, mount);
      });
    },

    /** Whether a folder of the storage is really there and on the target mount: clearing it then frees space where it is needed. */
    async pathOnMount({ place, what }: { place: Place; what: StorageFolder }): Promise<Condition> {
      const host = hostNamed(hosts, place.host);
      const mount = mountNamed(host, place);
      const folder = await openStorageFolder({ host, mount, what });
      if ('refused' in folder) return { holds: false, why: folder.refused };
      await folder.close();
      return { holds: true, why: `${storagePath(what)} is on ${mount}` };
    },
  };
}

export type HostActivities = ReturnType<typeof hostActivities>;
