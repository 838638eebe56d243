import { type LoginCounts, mergeCounts } from '../domain/login-attack.js';
import type { Times } from '../domain/times.js';
import { readOnHosts } from './on-hosts.js';
import type { Scene } from './step.js';

export const hourOf = ({ minute }: Times): number => 60 * minute;
/** "For 15 min since the last block". */
export const quietOf = ({ minute }: Times): number => 15 * minute;

/** What one act measures and a later one needs. */
interface LoginFacts {
  /** Start of the run, as the first proof sees it. */
  began?: number;
  /** Addresses that an act is about to block, or has asked about, by its name. */
  wanted?: Record<string, string[]>;
  /** All that this run has tried to block. */
  tried?: string[];
  /** Those that an earlier round blocked or asked about. */
  passed?: string[];
  /** RATE_LIMIT_AUTH as it stands in `.env`, by host. */
  rateLimits?: Record<string, string | null>;
  targets?: string[];
  preserved?: boolean;
}

export const factsOf = ({ facts }: Pick<Scene, 'facts'>): LoginFacts => facts;

/** Attackers come through a load balancer as everybody does: the logs of all hosts count together. */
export async function countEverywhere({ place, times }: Scene): Promise<LoginCounts> {
  return mergeCounts(await readOnHosts(place, 'Count failed logins', (on, there) => on.countLogins({ place: there, hour: hourOf(times) })));
}

export function rows(sentence: string, lines: string[], most: number): string {
  return [sentence, ...lines.slice(0, most), ...(lines.length > most ? [`… and ${lines.length - most} more`] : [])].join('\n').slice(0, 2_000);
}

export function period({ first, last }: LoginCounts): string {
  return first === undefined || last === undefined ? '' : `, from ${new Date(first).toISOString()} to ${new Date(last).toISOString()}`;
}

/** An email is an attacker's text: one line, without what moves a cursor. */
export function shown(email: string): string {
  return email.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�').slice(0, 100);
}
