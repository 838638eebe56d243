import type { CommandResult, Shell } from './shell.js';
import { commandsWords } from './shell.js';

/** One line of `ufw status numbered`. */
export interface UfwRule {
  position: number;
  to: string;
  action: string;
  from: string;
}

/** Whether a rule of an address is where it works, and why not. */
export type Placed = 'in force' | 'absent' | { wrong: string };

/** ufw on one host. Never enables it: that could lock everybody out of the host. */
export function ufwOf(shell: Shell, command: string[]) {
  const [program = 'ufw', ...before] = command;
  const run = (...args: string[]): Promise<CommandResult> => shell.run(program, [...before, ...args], { timeoutMs: 60_000 });
  const rule = (address: string): string[] => ['deny', 'proto', 'tcp', 'from', address, 'to', 'any', 'port', '80,443'];

  return {
    /** Its rules, or why they do not count: an inactive ufw says ok to everything and does nothing. */
    async rules(): Promise<UfwRule[] | { unknown: string }> {
      const result = await run('status', 'numbered');
      if (result.exitCode !== 0) return { unknown: commandsWords('ufw status numbered', result) };
      if (!/^Status: active$/m.test(result.stdout)) return { unknown: result.stdout.trim().split('\n')[0] || 'ufw says nothing' };
      // A list that was cut in the middle says nothing of what is absent.
      if (result.file !== undefined) return { unknown: 'ufw has more rules than can be read' };
      return result.stdout.split('\n').flatMap((line) => rowOf(line) ?? []);
    },
    /** A plain `deny` would land behind an `allow 443` and block nothing; `insert 1` is refused for IPv6. */
    prepend: (address: string) => run('prepend', ...rule(address)),
    /** By what it says and not by its number, which may be another rule's by now. Asks nothing then. */
    remove: (address: string) => run('delete', ...rule(address)),
  };
}

function rowOf(line: string): UfwRule | undefined {
  const match = /^\[\s*(\d+)\]\s+(.+?)\s{2,}(ALLOW|DENY|REJECT|LIMIT)(?: (IN|OUT|FWD))?\s{2,}(.+?)\s*(?:#.*)?$/.exec(line);
  if (!match || match[4] === 'OUT' || match[4] === 'FWD') return undefined;
  return { position: Number(match[1]), to: match[2] ?? '', action: match[3] ?? '', from: match[5] ?? '' };
}

/** Where the block of an address is: in force only before every rule of its family that lets web traffic of it in. */
export function placed(rules: readonly UfwRule[], address: string): Placed {
  const ours = rules.find(({ to, action, from }) => action === 'DENY' && from === address && /^80,443\/tcp(?: \(v6\))?$/.test(to));
  if (!ours) return 'absent';
  const isV6 = address.includes(':');
  const before = rules.find(
    ({ position, action, to, from }) => position < ours.position && (action === 'ALLOW' || action === 'LIMIT') && letsWebIn(to) && mayMean(from, isV6),
  );
  return before ? { wrong: `behind rule ${before.position}, ${before.action} ${before.to} from ${before.from}` } : 'in force';
}

/** Named applications and odd forms may mean web ports. */
function letsWebIn(to: string): boolean {
  const ports = /^(?:\S+ )?([\d,:]+)(?:\/(tcp|udp))?(?: \(v6\))?(?: on \S+)?$/.exec(to);
  if (!ports) return true;
  if (ports[2] === 'udp') return false;
  return (ports[1] ?? '').split(',').some((part) => {
    const [low = 0, high = low] = part.split(':').map(Number);
    return (low <= 80 && 80 <= high) || (low <= 443 && 443 <= high);
  });
}

function mayMean(from: string, isV6: boolean): boolean {
  if (from.startsWith('Anywhere')) return from.includes('(v6)') === isV6;
  return from.includes(':') === isV6;
}
