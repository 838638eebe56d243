import { z } from 'zod';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import { tinkerJson } from './artisan-command.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import type { Shell } from './shell.js';
import { fitted } from './wording.js';

/** How making a token ended. 'fails' is the application's own refusal; 'unknown' if it could not be tried. */
export interface TokenTest {
  kind: 'works' | 'fails' | 'unknown';
  said: string;
}

/** Name of our tokens: by it a leftover of a worker that died is found. */
const tokenName = 'responder-probe';

/**
 * Fixed code; the user comes from the environment, as data. The token never leaves PHP: what is printed is whether there was
 * one, and how many of ours were revoked, before (a dead worker's) and after.
 */
const makeAndRevoke = `(function () {
  try {
    $user = \\App\\Models\\User::where('email', getenv('RESPONDER_TEST_USER'))->first();
    if (! $user) return ['user' => false];
    $ours = fn () => $user->tokens()->where('name', '${tokenName}')->where('revoked', false);
    $left = $ours()->update(['revoked' => true]);
    $token = $user->createToken('${tokenName}')->accessToken;
    return ['user' => true, 'left' => $left, 'made' => is_string($token) && strlen($token) > 0, 'revoked' => $ours()->update(['revoked' => true])];
  } catch (\\Throwable $e) {
    return ['error' => get_class($e).': '.$e->getMessage()];
  }
})()`;

const shape = z.union([
  z.object({ error: z.string() }),
  z.object({ user: z.literal(false) }),
  z.object({ user: z.literal(true), left: z.number(), made: z.boolean(), revoked: z.number() }),
]);

export interface TokenTestParts {
  host: Host;
  shell: Shell;
  databaseOf: DatabaseOf;
  place: Place;
  testUser: string | undefined;
}

/** Makes a token for the test user through the application and revokes it, with what an earlier test left. A repeat is safe. */
export async function testToken({ host, shell, databaseOf, place, testUser }: TokenTestParts): Promise<TokenTest> {
  if (testUser === undefined) return { kind: 'unknown', said: `token generation was not tested: environment ${place.environment} has no authos.testUser` };
  const answer = await tinkerJson({ host, shell, env: { RESPONDER_TEST_USER: testUser } }, makeAndRevoke);
  if ('unknown' in answer) return { kind: 'unknown', said: `token generation could not be tested: ${answer.unknown}` };
  const parsed = shape.safeParse(answer.value);
  if (!parsed.success) return { kind: 'unknown', said: 'token generation could not be tested: the answer has an unknown shape' };
  const made = parsed.data;
  if ('error' in made) return { kind: 'fails', said: `no token can be made: ${fitted(made.error, 400)}${await sweep(databaseOf, place)}` };
  if (!made.user) return { kind: 'unknown', said: `token generation was not tested: there is no user ${testUser}` };
  const left = made.left > 0 ? `, after ${made.left} that an earlier test had left` : '';
  if (!made.made) return { kind: 'fails', said: `the application made no token${await sweep(databaseOf, place)}` };
  // A count of 0 may also mean that the token's row is not where Passport looks for it: then it was no use to anybody.
  if (made.revoked < 1) return { kind: 'fails', said: `a token was made but is not in the database${await sweep(databaseOf, place)}` };
  return { kind: 'works', said: `a token was made and revoked${left}` };
}

/** What the application could not revoke itself, since it failed half way. Nothing to do where we have no database. */
async function sweep(databaseOf: DatabaseOf, place: Place): Promise<string> {
  if (databaseOf(place) === undefined) return '';
  try {
    const { rowCount } = await withDatabase(databaseOf, place, (client) => client.query('update oauth_access_tokens set revoked = true where name = $1 and not revoked', [tokenName]), 5_000);
    return rowCount ? `; ${rowCount} test tokens revoked by SQL` : '';
  } catch {
    return ''; // the database is down, or the table is not there: the finding says enough
  }
}
