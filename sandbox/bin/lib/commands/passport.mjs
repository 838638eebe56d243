import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withDatabase } from '../database.mjs';
import { error, info } from '../output.mjs';

/** Passport's tables, where they are missing; those of the sandbox's schema (sandbox/authos/schema.ts). */
const tables = `
  create table if not exists oauth_clients (
    id uuid primary key default gen_random_uuid(), name text not null, secret text, redirect text not null default '',
    revoked boolean not null default false, created_at timestamp(0) not null default localtimestamp);
  create table if not exists oauth_access_tokens (
    id text primary key, user_id bigint, client_id uuid references oauth_clients, name text, scopes text not null default '[]',
    revoked boolean not null default false, created_at timestamp(0) not null default localtimestamp, expires_at timestamp(0) not null);`;

const createPersonalClient = `
  insert into oauth_clients (name) select 'AuthOS Personal Access Client'
  where not exists (select 1 from oauth_clients where name like '%Personal Access Client')`;

/** As Passport's: refuses to write over either key without --force, and takes care of the mode but not of the owner. */
function keys(root, { force, length = '2048' }) {
  const [privatePath, publicPath] = ['oauth-private.key', 'oauth-public.key'].map((name) => join(root, 'storage', name));
  if (!force && (existsSync(privatePath) || existsSync(publicPath))) {
    error('Encryption keys already exist. Use the --force option to overwrite them.');
    return 1;
  }
  const pair = generateKeyPairSync('rsa', {
    modulusLength: Number(length),
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  writeFileSync(publicPath, pair.publicKey);
  writeFileSync(privatePath, pair.privateKey);
  chmodSync(publicPath, 0o660);
  chmodSync(privatePath, 0o600);
  info('Encryption keys generated successfully.');
  return 0;
}

export const passportCommands = {
  'passport:keys': {
    description: 'Create the encryption keys for API authentication',
    options: { force: false, length: true },
    run: ({ root }, options) => keys(root, options),
  },
  'passport:install': {
    description: 'Run the commands necessary to prepare Passport for use',
    options: { uuids: false, force: false, length: true },
    async run({ root, config }, options) {
      keys(root, options);
      await withDatabase(config, async (client) => {
        await client.query(tables);
        await client.query(createPersonalClient);
      });
      info('Passport installed successfully.');
    },
  },
  'passport:client': {
    description: 'Create a client for issuing access tokens',
    options: { personal: false, password: false, name: true },
    run: ({ config }, { name = 'AuthOS ClientCredentials Grant Client' }) =>
      withDatabase(config, async (client) => {
        const { rows } = await client.query('insert into oauth_clients (name) values ($1) returning id', [name]);
        info('New client created successfully.');
        console.log(`  Client ID ${rows[0].id}`);
      }),
  },
};
