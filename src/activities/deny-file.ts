import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';

import { writeWhole } from './block-record.js';
import type { Shell } from './shell.js';
import { commandsWords } from './shell.js';

export interface NginxBlocking {
  denyFile: string;
  configTest: string[];
  reload: string[];
}

const largest = 4 * 1024 * 1024;

/**
 * A file of `deny ADDRESS;` lines that nginx includes, for hosts behind a proxy: it knows the real client's address, and the
 * firewall does not. What else is in the file stays byte for byte.
 */
export function denyFileOf(shell: Shell, { denyFile, configTest, reload }: NginxBlocking) {
  const lineOf = (address: string): string => `deny ${address};`;
  const has = (text: string, address: string): boolean => text.split('\n').some((line) => lineIs(line, address));

  async function read(): Promise<string> {
    const file = await open(denyFile, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      if (!found.isFile() || found.size > largest) throw new Error(`${denyFile} is no file, or too large`);
      return (await file.readFile()).toString('latin1');
    } finally {
      await file.close();
    }
  }

  async function write(text: string): Promise<void> {
    await writeWhole(denyFile, text, (await stat(denyFile)).mode & 0o777);
  }

  async function command([program = '', ...args]: string[]): Promise<string | undefined> {
    const result = await shell.run(program, args, { timeoutMs: 60_000 });
    return result.exitCode === 0 ? undefined : commandsWords([program, ...args].join(' '), result);
  }

  /** Writes, tests, reloads. A text that nginx does not take, or can't load, is taken out again. */
  async function put(before: string, after: string): Promise<string | undefined> {
    await write(after);
    const refused = (await command(configTest)) ?? (await command(reload));
    if (refused === undefined) return undefined;
    await write(before);
    return `${refused}; ${denyFile} is as it was`;
  }

  return {
    /** Those of the addresses that have a line of their own. */
    async denied(addresses: readonly string[]): Promise<string[]> {
      const text = await read();
      return addresses.filter((address) => has(text, address));
    },
    /** Adds lines; resolves to the reason if nginx refused them, and then none is there. */
    async add(addresses: readonly string[]): Promise<string | undefined> {
      const before = await read();
      const fresh = addresses.filter((address) => !has(before, address));
      const after = `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${fresh.map((address) => `${lineOf(address)}\n`).join('')}`;
      return put(before, after);
    },
    /** Takes their lines out; resolves to the reason if it could not. */
    async remove(addresses: readonly string[]): Promise<string | undefined> {
      const before = await read();
      const after = before.split('\n').filter((line) => !addresses.some((address) => lineIs(line, address))).join('\n');
      return after === before ? undefined : put(before, after);
    },
  };
}

function lineIs(line: string, address: string): boolean {
  const match = /^\s*deny\s+(\S+?)\s*;\s*(?:#.*)?$/.exec(line);
  return match?.[1] === address;
}
