import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding, SampleWindow, Verdict } from '../domain/step.js';
import { artisan, artisanOutcome } from './artisan-command.js';
import { readHealth } from './health-api.js';
import type { AuthosApi } from './health-api.js';
import { hostNamed } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import { readOauthKeys } from './oauth-key-reading.js';
import { readOauthTables, tableLines } from './oauth-tables.js';
import { testToken } from './oauth-token.js';
import type { TokenTest } from './oauth-token.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import { sampled } from './sampling.js';
import type { Shell } from './shell.js';
import { fitted, listed, shownName } from './wording.js';

export interface OauthParts {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  databaseOf: DatabaseOf;
  apiOf: (place: Place) => AuthosApi;
  /** Email of the user for whom a test token is made; undefined if the config names none. */
  testUserOf: (place: Place) => string | undefined;
}

/** Whether OAuth works by our own probes: 'no' only if one of them failed, never for want of an answer. */
export interface OauthWorks {
  works: 'yes' | 'no' | 'unknown';
  why: string;
}

const notTested: TokenTest = { kind: 'unknown', said: 'no token is made while nothing may be changed' };

/** Activities that ask whether OAuth works: its clients, tables, a token of our own. */
export function oauthActivities({ hosts, shellOf, databaseOf, apiOf, testUserOf }: OauthParts) {
  function at(place: Place): { host: Host; shell: Shell } {
    const host = hostNamed(hosts, place.host);
    return { host, shell: shellOf(host) };
  }

  const token = (place: Place): Promise<TokenTest> => testToken({ ...at(place), databaseOf, place, testUser: testUserOf(place) });

  /** Health as AuthOS sees it, a token of our own, and a pair that is one: a wrong public key lets tokens be made that nobody accepts. */
  async function look(place: Place, mayTest = true): Promise<Verdict> {
    const { host, shell } = at(place);
    const [health, made, keys] = await Promise.all([readHealth(apiOf(place), 'oauth'), mayTest ? token(place) : notTested, readOauthKeys(host, shell)]);
    const evidence = fitted(`health oauth: ${health.status}, ${health.message}; ${made.said}${keys.pair === 'unknown' ? '' : `; the keys are ${keys.pair}`}`, 1_000);
    if (made.kind === 'fails' || keys.pair === 'not a pair') return { kind: 'not recovered', evidence };
    if (health.status === 'unknown' || made.kind === 'unknown') return { kind: 'unknown', evidence };
    return { kind: health.status === 'healthy' ? 'recovered' : 'not recovered', evidence };
  }

  return {
    /** D3: how many clients there are and which, by SQL: `passport:client` would create one. Reads only. */
    async checkOauthClients({ place }: { place: Place }): Promise<Finding<{ clients: number; active: number }>> {
      return withDatabase(databaseOf, place, async (client) => {
        const { rows } = await client.query<{ name: string | null; revoked: boolean }>('select name, revoked from oauth_clients order by revoked, name limit 1000');
        const active = rows.filter(({ revoked }) => !revoked).length;
        const names = rows.map(({ name, revoked }) => `${shownName((name ?? 'without a name').slice(0, 80))}${revoked ? ' (revoked)' : ''}`);
        return { evidence: listed(`${rows.length} OAuth clients, ${active} of them active`, names, 12), data: { clients: rows.length, active } };
      });
    },

    /**
     * D4: a token for the configured test user, made by the application, revoked in the same breath; one that a dead worker left
     * is revoked too. The token itself stays in PHP. 'unknown' without a test user. A repeat is safe.
     */
    async testTokenGeneration({ place }: { place: Place }): Promise<Finding<TokenTest>> {
      const made = await token(place);
      return { evidence: made.said, data: made };
    },

    /** R5: the tables of OAuth with their rows. One that this Passport no longer has is 'not there', which is no failure. */
    async verifyOauthTables({ place }: { place: Place }): Promise<ActResult> {
      const tables = await readOauthTables(databaseOf, place);
      const bad = tables.filter(({ problem }) => problem !== undefined);
      return { outcome: bad.length === 0 ? 'done' : 'failed', evidence: tableLines(tables) };
    },

    /** Whether keys or tables are corrupt, which is when Passport may be installed anew. A missing key is not corrupt. Unknown does not hold. */
    async oauthIsCorrupt({ place }: { place: Place }): Promise<Condition> {
      const { host, shell } = at(place);
      const [keys, tables] = await Promise.all([readOauthKeys(host, shell), readOauthTables(databaseOf, place)]);
      const bad = [
        ...[keys.private, keys.public].flatMap(({ name, state, why }) => (state === 'corrupt' ? [`${name}: ${why}`] : [])),
        ...tables.flatMap(({ name, problem }) => (problem === undefined ? [] : [`table ${name}: ${problem}`])),
      ];
      if (bad.length > 0 && keys.from === 'environment') return { holds: false, why: `${bad.join('; ')}; but the keys come from the environment` };
      return bad.length > 0 ? { holds: true, why: bad.join('; ') } : { holds: false, why: 'neither keys nor tables are corrupt' };
    },

    /** `cache:forget passport:*`, as the text has it, and what that does: nothing, since the cache takes no wildcard. A repeat is safe. */
    async forgetPassportCache({ place }: { place: Place }): Promise<ActResult> {
      const result = artisanOutcome('cache:forget', await artisan({ ...at(place), command: 'cache:forget', args: ['passport:*'] }));
      return { ...result, evidence: `${result.evidence}; Laravel forgets the one key of exactly that name, so nothing of Passport was cleared` };
    },

    /** Whether OAuth works right now by our own probes. Makes a token and revokes it; a repeat is safe. */
    async oauthWorks({ place }: { place: Place }): Promise<OauthWorks> {
      const { kind, evidence } = await look(place);
      return { works: kind === 'recovered' ? 'yes' : kind === 'unknown' ? 'unknown' : 'no', why: evidence };
    },

    /** Whether the application can't make a token at all: degraded health or no answer is not 'down'. */
    async tokensAreDown({ place }: { place: Place }): Promise<boolean> {
      return (await token(place)).kind === 'fails';
    },

    /**
     * The proof: oauth healthy, a token of our own made, and no pair that is none, for all samples. Without `mayTest` no token is made,
     * since that writes a row: a missing or wrong key is still seen, and recovery is 'unknown', a person's judgement.
     */
    async proveOauth({ place, window, mayTest }: { place: Place; window: SampleWindow; mayTest: boolean }): Promise<Verdict> {
      return sampled(window, () => look(place, mayTest));
    },
  };
}

export type OauthActivities = ReturnType<typeof oauthActivities>;
