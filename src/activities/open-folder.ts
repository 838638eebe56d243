import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { lstat, open, readdir, rmdir, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/**
 * A folder held open, so that what is done in it is done in this very folder. Checking a path and deleting by that path are
 * two looks at names that somebody else can change in between: swap `logs` for a link to /etc after the check, and the
 * delete goes there. Names are therefore taken relative to the open folder (`openat`, which Node reaches through
 * /proc/self/fd), and a folder below is opened only if it is none of a link. Names are bytes: not every name is UTF-8.
 * On systems without /proc the names are taken by path, and the window between look and act remains.
 */
export class OpenFolder {
  /** Where it was when it was opened; for messages and for comparing with holds. */
  readonly path: Buffer;
  /** File system it is on. */
  readonly dev: number;
  private readonly handle: FileHandle;

  private constructor(path: Buffer, handle: FileHandle, dev: number) {
    this.path = path;
    this.handle = handle;
    this.dev = dev;
  }

  /** Opens a folder that is not a link itself. Throws ENOENT, ENOTDIR or ELOOP. */
  static async at(path: Buffer | string): Promise<OpenFolder> {
    return OpenFolder.opened(Buffer.from(path), Buffer.from(path));
  }

  private static async opened(path: Buffer, by: Buffer): Promise<OpenFolder> {
    const handle = await open(by, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      return new OpenFolder(path, handle, (await handle.stat()).dev);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Opens a folder in this one, never through a link. */
  async folder(name: Buffer | string): Promise<OpenFolder> {
    return OpenFolder.opened(this.pathOf(name), this.at(name));
  }

  async names(): Promise<Buffer[]> {
    return readdir(this.self(), { encoding: 'buffer' });
  }

  async stat(name: Buffer | string): Promise<Stats> {
    return lstat(this.at(name));
  }

  async unlink(name: Buffer | string): Promise<void> {
    await unlink(this.at(name));
  }

  /** Removes an empty folder in this one; throws ENOTEMPTY if something was put there meanwhile. */
  async rmdir(name: Buffer | string): Promise<void> {
    await rmdir(this.at(name));
  }

  /** Opens a file in this folder for reading, never through a link. */
  async read(name: Buffer | string): Promise<FileHandle> {
    // Without O_NONBLOCK a pipe put there in place of the file would hold us for ever.
    return open(this.at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  /** The path that `name` had when this folder was opened; for messages and holds. */
  pathOf(name: Buffer | string): Buffer {
    return Buffer.concat([this.path, slash, Buffer.from(name)]);
  }

  private self(): Buffer {
    return process.platform === 'linux' ? Buffer.from(`/proc/self/fd/${this.handle.fd}`) : this.path;
  }

  private at(name: Buffer | string): Buffer {
    const bytes = Buffer.from(name);
    if (bytes.includes(0x2f) || bytes.length === 0 || bytes.equals(dot) || bytes.equals(dots))
      throw new Error(`not the name of an entry: ${bytes.toString()}`);
    return Buffer.concat([this.self(), slash, bytes]);
  }
}

const slash = Buffer.from('/');
const dot = Buffer.from('.');
const dots = Buffer.from('..');
