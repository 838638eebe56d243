import { blockable } from '../domain/addresses.js';
import type { Blocking, Host } from '../domain/inventory.js';
import { blocksAtMost } from '../domain/login-attack.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { type Block, changeBlocks, readBlocks } from './block-record.js';
import { denyFileOf } from './deny-file.js';
import { badInput, hostMisconfigured, hostNamed } from './known-hosts.js';
import type { Shell } from './shell.js';
import { commandsWords } from './shell.js';
import { placed, ufwOf } from './ufw.js';
import { listed, shownName } from './wording.js';

/** Blocks of ours at a host, and whether each works. */
export interface BlocksFound {
  /** ms since the epoch of the latest; absent without one. */
  lastAt?: number;
  /** In words, those that do not work. */
  broken: string[];
  inForce: string[];
}

export interface FirewallParts {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  /** Addresses that are ours: of the host, of the responder, of what they need. */
  ownAddresses: () => readonly string[];
}

/** Activities that block addresses at a host's firewall or web server, for ports 80 and 443 only, and lift the blocks again. */
export function firewallActivities({ hosts, shellOf, ownAddresses }: FirewallParts) {
  function at(name: string): { host: Host; shell: Shell; blocking: Blocking } {
    const host = hostNamed(hosts, name);
    const { blocking } = host;
    if (blocking === undefined) throw hostMisconfigured(`the config of host ${name} does not say how and whom to block (hosts.${name}.blocking)`);
    return { host, shell: shellOf(host), blocking };
  }

  // One at a time: two writers of a deny file would lose each other's lines, and ufw's rules change their places.
  let turn: Promise<unknown> = Promise.resolve();
  function alone<T>(doing: () => Promise<T>): Promise<T> {
    const mine = turn.then(doing);
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function block(name: string, addresses: readonly string[], block: Block): Promise<ActResult> {
    const { host, shell, blocking } = at(name);
    const spared: string[] = [];
    const wanted: string[] = [];
    for (const text of addresses) {
      const verdict = blockable(text, { ...blocking, own: ownAddresses() });
      if ('never' in verdict) spared.push(`${shownName(text.slice(0, 60))} not blocked: ${verdict.never}`);
      else wanted.push(verdict.address);
    }
    if (wanted.length === 0) return { outcome: 'refused', evidence: listed('nothing blocked', spared) };
    const { done, problems } = await ('ufw' in blocking.by ? withUfw(host, shell, blocking.by.ufw, wanted, block) : withNginx(host, shell, blocking.by.nginx, wanted, block));
    const rows = [...problems, ...spared, ...done];
    return { outcome: problems.length > 0 ? 'failed' : 'done', evidence: listed(`${done.length} of ${addresses.length} blocked at ports 80 and 443`, rows, 55) };
  }

  return {
    /**
     * Blocks addresses, at most 50, each checked again against whom a block may never meet. 'Done' once every one is read back in
     * its place; one that was blocked by somebody else already stays theirs. A repeat is safe.
     */
    async blockAddresses({ place, addresses, incident }: { place: Place; addresses: string[]; incident: string }): Promise<ActResult> {
      if (!Array.isArray(addresses) || addresses.length === 0 || addresses.length > blocksAtMost) throw badInput(`1 to ${blocksAtMost} addresses at once, not ${addresses.length}`);
      return alone(() => block(place.host, addresses, { at: Date.now(), incident }));
    },

    /** All blocks of ours at the host, and whether each is in its place. Throws, and is retried, if that can't be read. */
    async lookAtBlocks({ place }: { place: Place }): Promise<BlocksFound> {
      const host = hostNamed(hosts, place.host);
      if (host.blocking === undefined) return { broken: [], inForce: [] };
      const blocks = await readBlocks(host);
      const addresses = Object.keys(blocks);
      if (addresses.length === 0) return { broken: [], inForce: [] };
      const states = await statesOf(shellOf(host), host.blocking.by, addresses);
      const broken = addresses.flatMap((address) => (states[address] === undefined ? [] : [`${address}: ${states[address]}`]));
      return { lastAt: Math.max(...Object.values(blocks).map((one) => one.at)), broken, inForce: addresses.filter((address) => states[address] === undefined) };
    },

    /**
     * Lifts blocks that are ours, wherever they stand by now; others stay, and so does one that was made or renewed after `madeBy`
     * (ms since the epoch). A repeat is safe.
     */
    async liftBlocks({ host: name, addresses, madeBy = Number.POSITIVE_INFINITY }: { host: string; addresses: string[]; madeBy?: number }): Promise<ActResult> {
      return alone(async () => {
        const { host, shell, blocking } = at(name);
        const ours = await readBlocks(host);
        const mine = addresses.filter((address) => Object.hasOwn(ours, address) && (ours[address]?.at ?? 0) <= madeBy);
        const rows = addresses.filter((address) => !mine.includes(address)).map((address) => `${shownName(address.slice(0, 60))}: no block of ours`);
        const problem = await lift(shell, blocking.by, mine);
        if (problem !== undefined) return { outcome: 'failed', evidence: listed('not lifted', [problem, ...rows]) };
        await changeBlocks(host, (blocks) => {
          for (const address of mine) delete blocks[address];
        });
        return { outcome: 'done', evidence: listed(mine.length === 0 ? 'nothing to lift' : `lifted: ${mine.join(', ')}`, rows) };
      });
    },
  };
}

interface Blocked {
  done: string[];
  problems: string[];
}

async function withUfw(host: Host, shell: Shell, command: string[], addresses: string[], block: Block): Promise<Blocked> {
  const ufw = ufwOf(shell, command);
  const result: Blocked = { done: [], problems: [] };
  const before = await ufw.rules();
  if ('unknown' in before) return { ...result, problems: [`the firewall blocks nothing: ${before.unknown}`] };
  const ours = await readBlocks(host);
  for (const address of addresses) {
    const was = placed(before, address);
    if (was === 'in force') {
      if (Object.hasOwn(ours, address)) await changeBlocks(host, (blocks) => void (blocks[address] = block));
      result.done.push(Object.hasOwn(ours, address) ? `${address}: was blocked already` : `${address}: was blocked already, by a rule that is not ours and stays`);
      continue;
    }
    // On record before the rule is there: one that nobody knows of would stay for ever.
    await changeBlocks(host, (blocks) => void (blocks[address] = block));
    // ufw skips a rule that it has, wherever it is.
    if (was !== 'absent') await ufw.remove(address);
    const said = await ufw.prepend(address);
    const now = said.exitCode === 0 ? await ufw.rules() : { unknown: commandsWords('ufw prepend', said) };
    const is = 'unknown' in now ? { wrong: now.unknown } : placed(now, address);
    if (is === 'in force') result.done.push(`${address}: ${said.stdout.trim().split('\n')[0] ?? ''}`);
    else {
      // What was never made need not be lifted, and must not be looked for.
      if (was === 'absent' && (is === 'absent' || said.exitCode !== 0)) await changeBlocks(host, (blocks) => void delete blocks[address]);
      result.problems.push(`${address}: ${is === 'absent' ? `ufw said ${JSON.stringify(said.stdout.trim())}, but the rule is not there` : is.wrong}`);
    }
  }
  return result;
}

async function withNginx(host: Host, shell: Shell, nginx: Parameters<typeof denyFileOf>[1], addresses: string[], block: Block): Promise<Blocked> {
  const file = denyFileOf(shell, nginx);
  const before = await file.denied(addresses);
  const fresh = addresses.filter((address) => !before.includes(address));
  const done = before.map((address) => `${address}: was denied already`);
  await changeBlocks(host, (blocks) => {
    for (const address of before) if (Object.hasOwn(blocks, address)) blocks[address] = block;
  });
  if (fresh.length === 0) return { done, problems: [] };
  await changeBlocks(host, (blocks) => {
    for (const address of fresh) blocks[address] = block;
  });
  const refused = await file.add(fresh);
  if (refused !== undefined) {
    await changeBlocks(host, (blocks) => {
      for (const address of fresh) delete blocks[address];
    });
    return { done, problems: [refused] };
  }
  const there = await file.denied(fresh);
  return {
    done: [...done, ...there.map((address) => `${address}: denied in ${nginx.denyFile}`)],
    problems: fresh.filter((address) => !there.includes(address)).map((address) => `${address}: not in ${nginx.denyFile}`),
  };
}

/** Of each address that is not blocked as it should be, why. */
async function statesOf(shell: Shell, by: Blocking['by'], addresses: readonly string[]): Promise<Record<string, string>> {
  if ('nginx' in by) {
    const there = await denyFileOf(shell, by.nginx).denied(addresses);
    return Object.fromEntries(addresses.filter((address) => !there.includes(address)).map((address) => [address, `not in ${by.nginx.denyFile}`]));
  }
  const rules = await ufwOf(shell, by.ufw).rules();
  return Object.fromEntries(
    addresses.flatMap((address) => {
      const is = 'unknown' in rules ? { wrong: rules.unknown } : placed(rules, address);
      return is === 'in force' ? [] : [[address, is === 'absent' ? 'the rule is gone' : is.wrong]];
    }),
  );
}

async function lift(shell: Shell, by: Blocking['by'], addresses: string[]): Promise<string | undefined> {
  if (addresses.length === 0) return undefined;
  if ('nginx' in by) return denyFileOf(shell, by.nginx).remove(addresses);
  const ufw = ufwOf(shell, by.ufw);
  for (const address of addresses) {
    const said = await ufw.remove(address);
    if (said.exitCode !== 0 && !/non-existent/i.test(said.stdout + said.stderr)) return commandsWords('ufw delete', said);
    const rules = await ufw.rules();
    // While ufw is inactive its rules are not listed; deleting worked on the file that it starts from.
    if (!('unknown' in rules) && placed(rules, address) !== 'absent') return `${address}: ufw said ${JSON.stringify(said.stdout.trim())}, but the rule is still there`;
  }
  return undefined;
}

export type FirewallActivities = ReturnType<typeof firewallActivities>;
