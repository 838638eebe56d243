import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmod, copyFile, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Authos } from '../authos/authos.js';
import { alertmanagerPayload } from './alertmanager.js';
import type { Fault } from './fault.js';

const names = ['oauth-private.key', 'oauth-public.key'] as const;
const [privateKey, publicKey] = names;
const keyPath = (authos: Authos, name: string): string => join(authos.root, 'storage', name);
const before = (authos: Authos): string => join(authos.folder, 'sandbox/oauth-key-before');

/** How the keys of OAuth can be wrong, each with what cures it. */
const kinds = {
  'oauth-keys-missing': {
    title: 'Both OAuth keys are gone; the backup has them',
    cure: 'Restore the private key',
    keepsKey: true,
    async put(authos: Authos) {
      for (const name of names) {
        await copyFile(keyPath(authos, name), join(authos.keyBackup, name));
        await rm(keyPath(authos, name));
      }
    },
  },
  'oauth-public-key-missing': {
    title: 'The public OAuth key is gone',
    cure: '',
    keepsKey: true,
    put: (authos: Authos) => rm(keyPath(authos, publicKey)),
  },
  'oauth-keys-open': {
    title: 'Everybody may read the OAuth keys, so Passport refuses them',
    cure: '',
    keepsKey: true,
    async put(authos: Authos) {
      for (const name of names) await chmod(keyPath(authos, name), 0o666);
    },
  },
  'oauth-keys-not-a-pair': {
    title: 'The public OAuth key belongs to another private key',
    cure: 'Derive the public key in place of one that does not pair',
    keepsKey: true,
    put: (authos: Authos) => writeFile(keyPath(authos, publicKey), generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' })),
  },
  'oauth-keys-lost': {
    title: 'Both OAuth keys are gone, and there is no backup',
    cure: 'Make a new pair of keys',
    keepsKey: false,
    async put(authos: Authos) {
      for (const name of names) await rm(keyPath(authos, name));
    },
  },
} satisfies Record<string, { title: string; cure: string; keepsKey: boolean; put(authos: Authos): Promise<void> }>;

export type OauthKeysFault = keyof typeof kinds;

/** OAuth keys that are missing, open to everybody, or not a pair. */
export function oauthKeys(name: OauthKeysFault): Fault {
  const { title, cure, keepsKey, put } = kinds[name];
  return {
    name,
    runbook: 'oauthSystemFailure',
    title,
    async put(authos) {
      await copyFile(keyPath(authos, privateKey), before(authos));
      await put(authos);
      const { over } = await examine(authos, keepsKey);
      if (over) throw new Error(`${title}: but OAuth works`);
    },
    alert: async (authos) =>
      alertmanagerPayload({
        labels: { alertname: 'OAuthSystemFailure', severity: 'critical', environment: authos.environment, instance: `${authos.name}:443`, job: 'authos' },
        annotations: { summary: `OAuth of ${authos.environment} is not healthy`, description: 'The OAuth health check is not healthy, or tokens are refused.' },
        startsAt: new Date(),
      }),
    over: (authos) => examine(authos, keepsKey),
    ...(cure === '' ? {} : { answers: (act: string) => (act === cure ? { approve: true, reason: '' } : undefined) }),
  };
}

async function examine(authos: Authos, keepsKey: boolean): Promise<{ over: boolean; evidence: string }> {
  const health = await fetch(`${authos.url}/api/health/oauth`);
  const { result } = (await health.json()) as { result?: { status?: string } };
  const problems = (await Promise.all(names.map((name) => problemOf(authos, name)))).flat();
  try {
    const [mine, other, old] = await Promise.all([keyPath(authos, privateKey), keyPath(authos, publicKey), before(authos)].map((path) => readFile(path, 'utf8').then(publicPem)));
    if (mine !== other) problems.push('the keys are not a pair');
    if (keepsKey && mine !== old) problems.push('the private key is another one: every session has ended');
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  const left = await authos.sql('select 1 from oauth_access_tokens where name = $1 and not revoked', ['responder-probe']);
  if (left.length > 0) problems.push(`${left.length} test tokens are still valid`);
  const evidence = `health: ${result?.status ?? 'none'}; ${problems.length === 0 ? 'the keys are one pair, and closed to others' : problems.join('; ')}`;
  return { over: result?.status === 'healthy' && problems.length === 0, evidence };
}

async function problemOf(authos: Authos, name: string): Promise<string[]> {
  const found = await stat(keyPath(authos, name)).catch(() => undefined);
  if (found === undefined) return [`${name} is missing`];
  const owned = found.uid === authos.user.uid && found.gid === authos.user.gid;
  return [...(owned ? [] : [`${name} is owned by ${found.uid}`]), ...((found.mode & 0o077) === 0 ? [] : [`${name} has mode ${(found.mode & 0o777).toString(8)}`])];
}

const publicPem = (pem: string): string => createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString();
