import { createHash } from 'node:crypto';

import { sameAddress } from '../domain/addresses.js';
import type { LogLine } from './log-line.js';

/** Types of a line of the security log, as its context names them. */
export const failedType = 'failed_authentication';
export const successTypes: readonly string[] = ['successful_authentication', 'authentication_success'];

/** Addresses and accounts that are kept at once. More of them are an attack by themselves, and must not fill our memory. */
const keptAtMost = 100_000;
/** Accounts that are remembered of one address: enough to tell an attack from a forgotten password. */
const accountsAtMost = 20;
/** Of a longer email, which is none, only this and a hash is kept. */
const longestEmail = 254;

export interface AddressTally {
  failures: number;
  successes: number;
  /** First bits of the emails' hashes. */
  accounts: number[];
}

/**
 * Counts failed and successful logins per address and per account, in memory that does not grow with their number: once 100 000
 * are kept, those with the fewest failures are forgotten, and a count is then only a lower bound.
 */
export class LoginTally {
  failures = 0;
  first: number | undefined;
  last: number | undefined;
  /** Failed logins whose line does not say from where, or that was cut. */
  unreadable = 0;
  /** True if something was forgotten. */
  forgot = false;
  readonly addresses = new Map<string, AddressTally>();
  /** Failures per email. */
  readonly accounts = new Map<string, number>();
  private readonly usual = new Map<string, string | undefined>();
  private readonly countsFor: (address: string) => boolean;

  /** Failures of addresses for which `countsFor` says no count for no account. */
  constructor(countsFor: (address: string) => boolean = () => true) {
    this.countsFor = countsFor;
  }

  add(line: LogLine): void {
    const { context } = line;
    const { type } = context;
    const failed = type === failedType;
    if (!failed && !successTypes.includes(type as string)) {
      // A line that says it is a failed login and whose context was too long to be read is one all the same.
      if (type === undefined && Object.keys(context).length === 0) this.unreadable += 1;
      return;
    }
    const ip = context['ip'] ?? context['ip_address'];
    const address = typeof ip === 'string' ? this.usualForm(ip) : undefined;
    if (failed) {
      this.failures += 1;
      this.first = Math.min(this.first ?? line.at, line.at);
      this.last = Math.max(this.last ?? line.at, line.at);
    }
    if (address === undefined) {
      if (failed) this.unreadable += 1;
      return;
    }
    const tally = this.tallyOf(address);
    if (!failed) {
      tally.successes += 1;
      return;
    }
    tally.failures += 1;
    const email = context['email'];
    if (typeof email !== 'string') return;
    const account = accountOf(email);
    const hash = hashOf(account);
    if (tally.accounts.length < accountsAtMost && !tally.accounts.includes(hash)) tally.accounts.push(hash);
    if (!this.countsFor(address)) return;
    this.accounts.set(account, (this.accounts.get(account) ?? 0) + 1);
    if (this.accounts.size > keptAtMost) this.forget(this.accounts, (count) => count);
  }

  private tallyOf(address: string): AddressTally {
    let tally = this.addresses.get(address);
    if (!tally) {
      if (this.addresses.size >= keptAtMost) this.forget(this.addresses, ({ failures, successes }) => failures + successes);
      tally = { failures: 0, successes: 0, accounts: [] };
      this.addresses.set(address, tally);
    }
    return tally;
  }

  /** Parsing is dear and most lines name few addresses. */
  private usualForm(ip: string): string | undefined {
    if (this.usual.has(ip)) return this.usual.get(ip);
    if (this.usual.size > 10_000) this.usual.clear();
    const form = ip.length > 64 ? undefined : sameAddress(ip.trim());
    this.usual.set(ip, form);
    return form;
  }

  /** Makes room for at least half: those with the lowest counts go. */
  private forget<T>(map: Map<string, T>, count: (value: T) => number): void {
    this.forgot = true;
    for (let lowest = 1; map.size > keptAtMost / 2; lowest *= 2) {
      for (const [key, value] of map) if (count(value) <= lowest) map.delete(key);
    }
  }
}

/** An email as one account: Laravel compares them without case. */
function accountOf(email: string): string {
  const account = email.trim().toLowerCase();
  if (account.length <= longestEmail) return account;
  return `${account.slice(0, 60)}… (${account.length} characters, SHA-256 ${createHash('sha256').update(account).digest('hex').slice(0, 12)})`;
}

/** FNV-1a: to tell accounts of one address apart; a collision makes an attack look smaller, never larger. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
