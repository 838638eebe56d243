import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Closers } from '../support/closers.js';

/** A temporary folder for real programs, which run as other users and must be able to pass. */
export async function openFolder(closers: Closers): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'responder-contract-'));
  closers.add(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o711);
  return folder;
}
