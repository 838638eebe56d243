import { createPrivateKey, createPublicKey, createSign, randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { withDatabase } from '../database.mjs';
import { text } from './evaluate.mjs';

/** PHP's OpenSSL on keys, and the part of the User model and of Passport that makes, finds and revokes tokens. */
export function passportFunctions(root, config) {
  return {
    openssl_pkey_get_private: (pem) => keyOr(() => createPrivateKey(text(pem))),
    openssl_pkey_get_public: (pem) => keyOr(() => createPublicKey(text(pem))),
    openssl_pkey_get_details: (key) => new Map([['key', (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'pem' }).toString()]]),
    'app\\models\\user::where': (column, value) => ({ first: () => firstUser(root, config, column, value) }),
  };
}

function keyOr(make) {
  try {
    return make();
  } catch {
    return false;
  }
}

async function firstUser(root, config, column, value) {
  if (column !== 'email') throw new Error(`The sandbox's users are found by email, not by ${column}`);
  const { rows } = await withDatabase(config, (client) => client.query('select id, name, email from users where email = $1 limit 1', [text(value)]));
  if (rows.length === 0) return null;
  const { id, name: fullName, email } = rows[0];
  return {
    name: fullName,
    email,
    tokens: () => tokensOf(config, id, []),
    createToken: (name) => createToken(root, config, id, text(name)),
  };
}

/** A query on a user's tokens. */
function tokensOf(config, user, conditions) {
  return {
    where(column, value) {
      if (!['name', 'revoked'].includes(column)) throw new Error(`The sandbox's tokens have no ${column}`);
      return tokensOf(config, user, [...conditions, { column, value }]);
    },
    async update(values) {
      if (values.size !== 1 || values.get('revoked') !== true) throw new Error("The sandbox's tokens can only be revoked");
      const where = conditions.map(({ column }, index) => `and ${column} = $${index + 2}`).join(' ');
      const { rowCount } = await withDatabase(config, (client) =>
        client.query(`update oauth_access_tokens set revoked = true where user_id = $1 ${where}`, [user, ...conditions.map(({ value }) => value)]));
      return rowCount;
    },
  };
}

/** As Passport does it: the key is checked first, then the token's row is written, then the token is signed. */
async function createToken(root, config, user, name) {
  const key = privateKey(root, config);
  const token = { jti: randomBytes(40).toString('hex'), sub: String(user), exp: Math.floor(Date.now() / 1000) + 365 * 86_400 };
  await withDatabase(config, async (client) => {
    const { rows } = await client.query("select id from oauth_clients where not revoked and name like '%Personal Access Client' limit 1");
    if (rows.length === 0) throw failed('RuntimeException', 'Personal access client not found. Please create one.');
    await client.query("insert into oauth_access_tokens (id, user_id, client_id, name, expires_at) values ($1, $2, $3, $4, localtimestamp + interval '1 year')", [
      token.jti, user, rows[0].id, name,
    ]);
  });
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ typ: 'JWT', alg: 'RS256' })}.${part(token)}`;
  return { accessToken: `${signed}.${createSign('sha256').update(signed).sign(key).toString('base64url')}` };
}

function privateKey(root, config) {
  const path = join(root, 'storage/oauth-private.key');
  const given = config.passport?.private_key?.replaceAll('\\n', '\n');
  let pem = given;
  if (!given) {
    try {
      pem = readFileSync(path, 'utf8');
    } catch {
      throw failed('LogicException', `Key path "file://${path}" does not exist or is not readable`);
    }
    const mode = statSync(path).mode & 0o777;
    if (mode !== 0o600 && mode !== 0o660) {
      throw failed('ErrorException', `Key file "file://${path}" permissions are not correct, recommend changing to 600 or 660 instead of ${mode.toString(8)}`);
    }
  }
  const key = keyOr(() => createPrivateKey(pem));
  if (key === false) throw failed('LogicException', 'Unable to read key');
  return key;
}

function failed(phpClass, message) {
  return Object.assign(new Error(message), { phpClass });
}
