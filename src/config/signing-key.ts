import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from './problems.js';
import type { Secret } from './secret.js';

/**
 * The 32-byte Ed25519 seed that signs people's actions: the configured one, else that of the state folder, which the first
 * caller creates, readable by its owner only. Throws ConfigError if the file is not a seed or others may read it.
 */
export async function signingSeed({ signingKey, state }: { signingKey?: Secret; state: string }): Promise<Uint8Array> {
  if (signingKey) return new Uint8Array(Buffer.from(signingKey.reveal(), 'hex'));
  const file = join(state, 'signing-key');
  const text = (await readIfThere(file)) ?? (await create(file, state));
  if (!/^[0-9a-f]{64}\s*$/.test(text))
    throw new ConfigError(file, [{ path: '', message: 'is not an Ed25519 seed of 64 hexadecimal digits' }]);
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0) {
    throw new ConfigError(file, [
      { path: '', message: `others may read it (mode ${(mode & 0o777).toString(8)}): make a new one, mode 600` },
    ]);
  }
  return new Uint8Array(Buffer.from(text.trim(), 'hex'));
}

// Written aside and linked, so that of two servers starting at once one wins and no one reads half a key.
async function create(file: string, state: string): Promise<string> {
  await mkdir(state, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  await chmod(draft, 0o600);
  try {
    await link(draft, file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return readFile(file, 'utf8');
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new ConfigError(file, [{ path: '', message: "can't be read" }]);
  }
}
