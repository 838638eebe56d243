import { setTimeout as delay } from 'node:timers/promises';
import type { Authos } from '../authos/authos.js';
import { passwordHash } from '../authos/login.js';
import { alertmanagerPayload } from './alertmanager.js';
import type { Fault } from './fault.js';

/** Who tries to log in, all from networks for documentation. */
export const bruteForce = {
  attackers: ['203.0.113.10', '203.0.113.11', '2001:db8::bad'],
  /** Begins where the first ones were blocked. */
  latecomer: '203.0.113.77',
  /** An office: somebody there forgot a password, and found it again. */
  office: '203.0.113.200',
  /** On the allow-list: a probe with an old password. */
  probe: '198.51.100.20',
  accounts: Array.from({ length: 8 }, (_, index) => `user${index + 1}@authos.test`),
  password: 'correct horse battery staple',
};

const kinds = {
  'brute-force': { title: 'Three addresses try passwords on many accounts', needs: {}, wanders: false },
  'brute-force-behind-proxy': { title: 'The same behind a proxy: only nginx knows who they are', needs: { blocksBy: 'nginx' as const }, wanders: false },
  'brute-force-wandering': { title: 'An attacker comes back from another address once the first ones are blocked', needs: {}, wanders: true },
};

/** Passwords are tried on many accounts, from several addresses, and it goes on until they can't reach the login any more. */
export function bruteForceAttack(name: keyof typeof kinds = 'brute-force'): Fault {
  const { title, needs, wanders } = kinds[name];
  return {
    name,
    runbook: 'bruteForceAttack',
    title,
    needs: () => needs,
    async put(authos) {
      await addUsers(authos);
      await Promise.all([
        ...bruteForce.attackers.map((address) => attack(authos, address, 14)),
        forgetful(authos),
        ...Array.from({ length: 12 }, () => login(authos, bruteForce.probe, 'probe@authos.test', 'old')),
      ]);
      const { rows } = await failures(authos);
      if (rows < 3) throw new Error(`${title}: but only ${rows} addresses failed often enough`);
      for (const address of bruteForce.attackers) keepTrying(authos, address);
      if (wanders) afterwards(authos);
    },
    alert: async (authos) =>
      alertmanagerPayload({
        labels: { alertname: 'BruteForceAttack', severity: 'warning', environment: authos.environment, instance: `${authos.name}:443`, job: 'authos' },
        annotations: { summary: `Many failed logins in ${authos.environment}`, description: `${(await failures(authos)).rows} addresses with more than 10 failed logins` },
        startsAt: new Date(),
      }),
    async over(authos) {
      const attackers = [...bruteForce.attackers, ...(wanders ? [bruteForce.latecomer] : [])];
      const inside: string[] = [];
      for (const address of attackers) if (![0, 403].includes(await login(authos, address, 'nobody@authos.test', 'x'))) inside.push(address);
      const office = await login(authos, bruteForce.office, bruteForce.accounts[0] ?? '', bruteForce.password);
      const limit = authos.config().auth.rate_limit;
      const evidence = `${attackers.length - inside.length} of ${attackers.length} attackers are kept out; the office logs in: ${office}; RATE_LIMIT_AUTH is ${limit}`;
      return { over: inside.length === 0 && office === 200 && limit === 10, evidence };
    },
    // Whoever is not certainly an attacker is a person's decision: this is our own office.
    answers: (act) =>
      act === 'Block suspicious addresses'
        ? { approve: false, reason: 'that is our own office' }
        : act === 'Lower RATE_LIMIT_AUTH' || act === 'Mail the owners of targeted accounts'
          ? { approve: false, reason: 'first see who else turns up' }
          : undefined,
  };
}

async function addUsers(authos: Authos): Promise<void> {
  for (const email of bruteForce.accounts) {
    await authos.sql('insert into users (name, email, password) values ($1, $2, $3) on conflict (email) do nothing', [email.split('@')[0], email, passwordHash(bruteForce.password)]);
  }
}

/** One login: the status, or 0 if nobody answered. */
export async function login(authos: Authos, address: string, email: string, password: string): Promise<number> {
  try {
    const response = await fetch(`${authos.url}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-sandbox-client': address },
      body: JSON.stringify({ email, password }),
      signal: AbortSignal.any([authos.closing, AbortSignal.timeout(10_000)]),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}

let tries = 0;
/** So many logins of one address, over all accounts in turn. */
export async function attack(authos: Authos, address: string, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    tries += 1;
    await login(authos, address, bruteForce.accounts[tries % bruteForce.accounts.length] ?? '', `password${tries}`);
  }
}

async function forgetful(authos: Authos): Promise<void> {
  const [email = ''] = bruteForce.accounts;
  // Their browser tries the same password under several spellings, so that the limiter lets them.
  for (const spelling of [email, email.toUpperCase()]) for (let n = 0; n < 6; n += 1) await login(authos, bruteForce.office, spelling, 'forgotten');
  await login(authos, bruteForce.office, email, bruteForce.password);
}

function keepTrying(authos: Authos, address: string): void {
  const loop = async (): Promise<void> => {
    while (!authos.closing.aborted) {
      await attack(authos, address, 1);
      await delay(250, undefined, { signal: authos.closing, ref: false }).catch(() => undefined);
    }
  };
  loop().catch((error: unknown) => console.error(error));
}

function afterwards(authos: Authos): void {
  const wait = async (): Promise<void> => {
    const isIn = (): boolean => bruteForce.attackers.some((address) => authos.front.meets(address) === 'let in');
    while (!authos.closing.aborted && isIn()) await delay(200, undefined, { signal: authos.closing, ref: false }).catch(() => undefined);
    if (!authos.closing.aborted) keepTrying(authos, bruteForce.latecomer);
  };
  wait().catch((error: unknown) => console.error(error));
}

async function failures(authos: Authos): Promise<{ rows: number }> {
  const rows = await authos.sql("select ip_address from failed_login_attempts where attempted_at > localtimestamp - interval '1 hour' group by 1 having count(*) > 10");
  return { rows: rows.length };
}
