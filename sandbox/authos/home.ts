import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AppUser } from './app-user.js';

/** What the programs in `sandbox/bin` know of their sandbox: the file that SANDBOX_HOME names. */
export interface SandboxHome {
  /** The application's root. */
  root: string;
  /** Folder of the launchers, in front of PATH. */
  bin: string;
  /** The volume: `<root>/storage`. */
  mount: string;
  /** Where a program asks the sandbox itself to act: `POST <url>/<verb>` with the token. */
  control: { url: string; token: string };
  /** Artisan commands that this application has beyond stock Laravel. */
  extraCommands: string[];
  phpMemoryLimit: string;
  /** What `findmnt` says of the volume. */
  fileSystem: string;
}

const programs = fileURLToPath(new URL('../bin', import.meta.url));

/**
 * Writes the file for SANDBOX_HOME and one launcher for each program of `sandbox/bin`. Launchers name their sandbox
 * themselves, since a careful caller passes no environment on. `df` gets one only if the volume is not a real mount.
 */
export async function writeHome(file: string, home: SandboxHome, { withDf, owner }: { withDf: boolean; owner: AppUser }): Promise<void> {
  await writeFile(file, JSON.stringify(home, null, 2), { mode: 0o600 });
  await owner.own(file);
  await mkdir(home.bin, { recursive: true });
  for (const entry of await readdir(programs)) {
    if (!entry.endsWith('.mjs') || (entry === 'df.mjs' && !withDf)) continue;
    const script = join(programs, entry);
    const launcher = join(home.bin, basename(entry, '.mjs'));
    await writeFile(launcher, `#!/bin/sh\nSANDBOX_HOME=${quoted(file)} exec ${quoted(process.execPath)} ${quoted(script)} "$@"\n`);
    await chmod(launcher, 0o755);
  }
}

/** A word of a launcher script, whatever is in it. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
