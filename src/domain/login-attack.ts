/** Failed logins of one address in the time that was looked at. */
export interface AddressCount {
  address: string;
  failures: number;
  /** Successful ones; null if nobody could say. */
  successes: number | null;
  /** Different accounts that it tried; counted up to 20. */
  accounts: number;
  /** Whether it is the client in the web server's own access log; null if that can't be read. */
  seenByWebServer: boolean | null;
  /** Why it may never be blocked. */
  never?: string;
}

/** Failed logins for one email: an outsider's text. */
export interface AccountCount {
  email: string;
  failures: number;
}

/** What the security logs of one host, or of all of an environment, say about logins. Times in ms since the epoch. */
export interface LoginCounts {
  from: number;
  until: number;
  /** Of the first and last failed login; absent without one. */
  first?: number;
  last?: number;
  failures: number;
  /** Addresses with failed logins in all; `addresses` has the worst of them. */
  distinct: number;
  addresses: AddressCount[];
  accounts: AccountCount[];
  /** Why the counts are only lower bounds: files that could not be read, lines too long, more addresses than fit. */
  gaps: string[];
}

/** More failed logins than this in an hour, from one address or for one account, are an attack ("Alert Trigger"). */
export const attackOver = 10;
/** An address that is blocked without asking tried at least so many accounts: fewer may be somebody who forgot a password. */
export const manyAccounts = 5;
/** So many failures of one address or account in the time of the proof, and the attack goes on. */
export const stillAttackedFrom = 3;
/** "≤ 50 a run". */
export const blocksAtMost = 50;
/** Accounts whose owners are told in one go: each is a start of PHP, and more are a person's decision. */
export const noticesAtMost = 50;

/** The counts of all hosts together: an attack goes through a load balancer like everybody else. */
export function mergeCounts(counts: readonly LoginCounts[]): LoginCounts {
  const addresses = new Map<string, AddressCount>();
  const accounts = new Map<string, AccountCount>();
  for (const one of counts.flatMap((count) => count.addresses)) {
    const other = addresses.get(one.address);
    addresses.set(one.address, other ? together(one, other) : one);
  }
  for (const { email, failures } of counts.flatMap((count) => count.accounts)) {
    accounts.set(email, { email, failures: failures + (accounts.get(email)?.failures ?? 0) });
  }
  const firsts = counts.flatMap(({ first }) => first ?? []);
  const lasts = counts.flatMap(({ last }) => last ?? []);
  return {
    from: Math.min(...counts.map(({ from }) => from)),
    until: Math.max(...counts.map(({ until }) => until)),
    ...(firsts.length > 0 ? { first: Math.min(...firsts), last: Math.max(...lasts) } : {}),
    failures: counts.reduce((sum, { failures }) => sum + failures, 0),
    distinct: Math.max(addresses.size, ...counts.map(({ distinct }) => distinct)),
    addresses: worstFirst([...addresses.values()]),
    accounts: worstFirst([...accounts.values()]),
    gaps: counts.flatMap(({ gaps }) => gaps),
  };
}

function together(one: AddressCount, other: AddressCount): AddressCount {
  const never = one.never ?? other.never;
  return {
    address: one.address,
    failures: one.failures + other.failures,
    // What one host does not know may be the one success that matters.
    successes: one.successes === null || other.successes === null ? known(one.successes, other.successes) : one.successes + other.successes,
    // The same accounts, perhaps: so not the sum.
    accounts: Math.max(one.accounts, other.accounts),
    seenByWebServer: one.seenByWebServer === true || other.seenByWebServer === true ? true : one.seenByWebServer === null || other.seenByWebServer === null ? null : false,
    ...(never === undefined ? {} : { never }),
  };
}

/** One success that somebody saw is enough to know that there was one. */
function known(one: number | null, other: number | null): number | null {
  return (one ?? 0) + (other ?? 0) > 0 ? (one ?? 0) + (other ?? 0) : null;
}

function worstFirst<T extends { failures: number }>(counts: T[]): T[] {
  return counts.toSorted((a, b) => b.failures - a.failures);
}

/** The addresses of an attack: those that RUNBOOK-SPEC blocks at once, those that a person decides on, and those that stay. */
export function judged(counts: LoginCounts): { sure: AddressCount[]; unsure: AddressCount[]; spared: AddressCount[] } {
  const attackers = counts.addresses.filter(({ failures }) => failures > attackOver);
  const spared = attackers.filter(({ never }) => never !== undefined);
  const candidates = attackers.filter(({ never }) => never === undefined);
  return { sure: candidates.filter((one) => doubts(one).length === 0), unsure: candidates.filter((one) => doubts(one).length > 0), spared };
}

/** Why an address may not be blocked without asking; empty if it may. */
export function doubts({ successes, accounts, seenByWebServer }: AddressCount): string[] {
  return [
    ...(successes === null ? ['it is not known whether it also logged in'] : successes > 0 ? [`${successes} successful logins too`] : []),
    ...(accounts < manyAccounts ? [`only ${accounts} ${accounts === 1 ? 'account' : 'accounts'} tried`] : []),
    ...(seenByWebServer === true ? [] : [seenByWebServer === null ? "the web server's access log can't be read" : "not a client in the web server's access log"]),
  ];
}

/** One address as a row for people. */
export function addressRow(one: AddressCount): string {
  const why = one.never === undefined ? doubts(one) : [`never blocked: ${one.never}`];
  return `${String(one.failures).padStart(6)}  ${one.address}  ${one.accounts} accounts${why.length > 0 ? `; ${why.join('; ')}` : ''}`;
}
