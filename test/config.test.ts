import { mkdtemp, readFile, rm, stat, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runbooks } from '../src/catalogue.js';
import { automationNames } from '../src/catalogue/plain.js';
import { ConfigError, loadConfig, signingSeed } from '../src/config.js';
import { holders } from '../src/roster/roster.js';
import { standardTimes } from '../src/domain/times.js';
import { exampleEnv as env, exampleFile } from './support/example-config.js';

const catalogue = [{ type: 'diskSpaceCritical', steps: ['Clear Old Logs', 'Archive Old Data'] }];
const minimal = `
environments: { production: { authos: { url: https://auth.example.com, token: env:AUTHOS_TOKEN } } }
hosts: { app-1: { environment: production, root: /var/www/authos } }
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let files = 0;
async function written(yaml: string): Promise<string> {
  const file = join(folder, `responder-${files++}.yaml`);
  await writeFile(file, yaml);
  return file;
}

async function problemsOf(yaml: string, variables: Record<string, string> = env): Promise<string[]> {
  const file = await written(yaml);
  try {
    loadConfig({ file, env: variables, catalogue });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('loads the example, whose automation names steps that there are, with the variables of .env.example', async () => {
    const variables = await readFile(new URL('../.env.example', import.meta.url), 'utf8');
    const named = [...variables.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(named).toEqual(expect.arrayContaining(Object.keys(env)));

    const config = loadConfig({ file: exampleFile, env: { ...env, TEMPORAL_ADDRESS: 'temporal:7233' }, catalogue: automationNames(runbooks) });
    expect(config.hosts['app-1']).toMatchObject({ name: 'app-1', environment: 'production', user: 'www-data', protectedLogs: ['audit', 'security'] });
    expect(config.environments.production?.authos.token.reveal()).toBe(env.AUTHOS_TOKEN);
    expect(config.temporal.address).toBe('temporal:7233');
    expect(config.people.alice?.contacts).toEqual([{ email: 'alice@example.com' }, { email: 'alice@phone.example.com' }, { slack: 'U012AB3CDE' }, { slackWebhook: 'ops' }]);
    expect(holders(config.roster, 'Primary', 0)).toEqual({ people: ['alice'] });
    expect(holders(config.roster, 'Backend Engineer', 0)).toEqual({ people: ['bob'] });
  });

  it('fills a minimal file with the contacts and times of the runbooks', async () => {
    const config = loadConfig({ file: await written(minimal), env });
    expect(config.times).toEqual(standardTimes);
    expect(config.environments.production?.domains).toEqual(['auth.example.com']);
    expect(holders(config.roster, 'Engineering Manager', 0)).toEqual({ people: ['engineering-manager'] });
    expect(holders(config.roster, '24/7 Hotline', 0)).toEqual({ people: ['engineering-manager'], standInFor: '24/7 Hotline' });
    expect(config.people.dba?.contacts).toEqual([{ email: 'dba@example.com' }]);
    expect(config.state).toBe(join(folder, 'var/state'));
  });

  it('scales every duration after its own has replaced the standard one', async () => {
    const config = loadConfig({ file: await written(`${minimal}times: { scale: 0.5, approvalExpires: 4m, samples: 2 }`), env });
    expect(config.times).toMatchObject({ approvalExpires: 120_000, minute: 30_000, samples: 2 });
  });

  it('reads secrets from files without their line break', async () => {
    const token = join(folder, 'token');
    await writeFile(token, 'from-a-file-0123456789\n');
    const config = loadConfig({ file: await written(`${minimal}sources: { grafana: { token: "file:${token}" } }`), env });
    expect(config.sources.grafana?.token?.[0]?.reveal()).toBe('from-a-file-0123456789');
  });

  it('shows no secret in text, JSON or the inspector', () => {
    const config = loadConfig({ file: exampleFile, env: { ...env, TEMPORAL_API_KEY: 'temporal-api-key' } });
    const shown = JSON.stringify(config) + inspect(config, { depth: null }) + String(config.people.alice?.token);
    for (const secret of [...Object.values(env), 'temporal-api-key']) expect(shown).not.toContain(secret);
    expect(config.temporal.connection()).toMatchObject({ apiKey: 'temporal-api-key' });
  });

  it.each([
    ['a setting nobody knows', `${minimal}colour: red`, ['colour: is not a setting']],
    ['a host of no environment', minimal.replace('environment: production', 'environment: staging'), ['hosts.app-1.environment: no such environment (got "staging"); there are production', 'environments.production: no host belongs to it']],
    ['an address that is none', `${minimal}people: { eve: { email: nowhere } }`, ['people.eve.email: must be an email address (got "nowhere")']],
    ['a person nobody can page', `${minimal}people: { eve: { name: Eve } }`, ['people.eve: needs an email or contacts, or nobody can page them']],
    ['a role that does not exist', `${minimal}roles: { Janitor: [dba] }`, [/^roles\.Janitor: /]],
    ['a role held by nobody known', `${minimal}roles: { CTO: [mallory] }`, [/^roles\.CTO: no such person \(got "mallory"\)/]],
    ['a canary all the time', `${minimal}canary: { to: dba, every: 30s }`, [/^canary\.every: must be a minute or longer/]],
    ['a canary for nobody known', `${minimal}canary: { to: mallory }`, [/^canary\.to: no such person \(got "mallory"\)/]],
    ['no escalation contact', `${minimal}roles: { Escalation contact: [] }`, ['roles.Escalation contact: must have a holder: others fall back to it']],
    ['a rotation with somebody unknown', `${minimal}roles: { Primary: { rotation: [dba, [cto, mallory]], handOver: "09:00", zone: UTC, since: "2026-11-02" } }`, [/^roles\.Primary: no such person \(got "mallory"\)/]],
    ['a rotation with a wrong day, time and zone', `${minimal}roles: { Primary: { rotation: [dba], handOver: "Funday 9", zone: Mars/Olympus, since: "2026-11-02" } }`, ['roles.Primary.handOver: must be a time such as 09:00, each day, or Monday 09:00, each week (got "Funday 9")', 'roles.Primary.zone: must be an IANA time zone such as Europe/Berlin (got "Mars/Olympus")']],
    ['a weekly rotation that begins on another day', `${minimal}roles: { Primary: { rotation: [dba], handOver: "Monday 09:00", zone: UTC, since: "2026-11-03" } }`, ['roles.Primary.since: is a Tuesday: the first shift must begin on the day of the hand-over (got "2026-11-03")']],
    ['an override that ends before it begins', `${minimal}overrides: [{ role: CTO, from: "2026-12-26T09:00:00Z", until: "2026-12-24T09:00:00Z", people: [dba] }]`, ['overrides.0.until: must be after from (got "2026-12-24T09:00:00Z")']],
    ['an override without an offset', `${minimal}overrides: [{ role: CTO, from: "2026-12-24T09:00", until: "2026-12-26T09:00:00Z", people: [mallory] }]`, ['overrides.0.from: must be a moment such as 2026-12-24T18:00:00+01:00 (got "2026-12-24T09:00")']],
    ['an override by somebody unknown', `${minimal}overrides: [{ role: CTO, from: "2026-12-24T09:00:00Z", until: "2026-12-26T09:00:00Z", people: [mallory] }]`, [/^overrides\.0\.people: no such person \(got "mallory"\)/]],
    ['a duration without a unit', `${minimal}times: { watch: 10 }`, ['times.watch: must be string (got 10)']],
    ['a duration of no length', `${minimal}times: { watch: 0s }`, ['times.watch: must be a duration such as 20s, 15m, 1.5h or 7d (got "0s")']],
    ['a secret in the open', `${minimal}sources: { grafana: { token: hunter2-hunter2-hunter2 } }`, ['sources.grafana.token: must be a reference, env:NAME or file:/path, not the secret itself']],
    ['a variable that is not set', `${minimal}sources: { grafana: { token: "env:NOT_SET" } }`, ['sources.grafana.token: the environment variable NOT_SET is not set']],
    ['one token for two', `${minimal}sources: { a: { token: "env:BOB_TOKEN" }, b: { token: "env:BOB_TOKEN" } }`, ['sources.b.token: is the same token as sources.a.token']],
    ['a token that may act for nobody', `${minimal}tokens: { ci: { secret: "env:BOB_TOKEN", scope: act, expires: "2027-03-31" } }`, ['tokens.ci.person: is needed: what is done has to have been done by somebody']],
    ['a token of a person that sends alerts', `${minimal}tokens: { ci: { secret: "env:BOB_TOKEN", scope: alert, person: dba, expires: "2027-03-31" } }`, ['tokens.ci: needs a source with scope alert, and has one with no other']],
    ['a token without an end', `${minimal}tokens: { ci: { secret: "env:BOB_TOKEN", scope: read, expires: soon } }`, ['tokens.ci.expires: must be a day such as 2027-03-31, or a moment such as 2027-03-31T18:00:00+02:00']],
    ['a token of somebody unknown', `${minimal}tokens: { ci: { secret: "env:BOB_TOKEN", scope: act, person: mallory, expires: "2027-03-31" } }`, ['tokens.ci.person: no such person (got "mallory")']],
    ['a token of two', `${minimal}people: { bob: { email: bob@example.com, token: "env:BOB_TOKEN" } }\ntokens: { laptop: { secret: "env:BOB_TOKEN", scope: act, person: bob, expires: "2027-03-31" } }`, ['tokens.laptop.secret: is the same token as people.bob.token']],
    ['a source that nobody can be', `${minimal}sources: { grafana: {} }`, ['sources.grafana: must have one of token, basic, hmac, sns, or one under tokens']],
    ['a permission for what asks nobody', `${minimal}permissions: { approve: { observe: [dba] } }`, ['permissions.approve.observe: is not a setting']],
    ['a permission for nobody known', `${minimal}permissions: { resolve: [mallory], approve: { destructive: [CTO, Backend Engineer] } }`, ['permissions.resolve: no such role or person (got "mallory")', 'permissions.approve.destructive: nobody holds the role Backend Engineer']],
    ['a runbook that does not exist', `${minimal}automation: { diskFull: never }`, [/^automation\.diskFull: is neither a risk/]],
    ['a step that does not exist', `${minimal}automation: { diskSpaceCritical/Reboot: never }`, ['automation.diskSpaceCritical/Reboot: diskSpaceCritical has no such step; it has Clear Old Logs, Archive Old Data']],
    ['a policy that does not exist', `${minimal}automation: { safe: perhaps }`, ['automation.safe: must be one of "as specified", "ask", "never" (got "perhaps")']],
    ['a path that climbs', minimal.replace('/var/www/authos', '/var/www/../../etc'), [/^hosts\.app-1\.root: must be an absolute path without "\.\."/]],
    ['an unknown mount as default', `${minimal}defaults: { host: app-1, mount: /srv }`, ['defaults.mount: no such mount of app-1 (got "/srv"); there are /']],
    ['a URL with a password', minimal.replace('https://auth', 'https://user:hunter2@auth'), ['environments.production.authos.url: must not hold a user or password']],
    ['a contact of two kinds', `${minimal}people: { eve: { contacts: [{ email: eve@example.com, webhook: bridge }] } }`, [/^people\.eve\.contacts\.0: must have exactly one of email, /]],
    ['a contact of no kind', `${minimal}people: { eve: { contacts: [{ pigeon: coop }] } }`, ['people.eve.contacts.0.pigeon: is not a setting', /^people\.eve\.contacts\.0: must have exactly one of email, /]],
    ['a contact that no channel knows', `${minimal}people: { eve: { contacts: [{ slackWebhook: ops }] } }`, ['people.eve.contacts.0.slackWebhook: no such name in channels.slackWebhooks (got "ops"); there is none']],
    ['a contact for a channel that is not there', `${minimal}people: { eve: { contacts: [{ slack: U012AB3CDE }] } }`, ['people.eve.contacts.0.slack: needs channels.slack (got "U012AB3CDE")']],
    ['contacts that all wait', `${minimal}people: { eve: { contacts: [{ email: eve@example.com, after: 2m }] } }`, ['people.eve.contacts: every one waits: one must be without after, for the page itself']],
    ['a contact that waits until the page is repeated', `${minimal}people: { eve: { email: eve@example.com, contacts: [{ email: eve@phone.example.com, after: 20m }] } }`, [/^people\.eve\.contacts\.0\.after: must be 15m at most/]],
    ['a pace that holds pages for a minute', `${minimal}people: { eve: { email: eve@example.com, pace: { bundle: 1m, atMost: { messages: 0, per: 1m } } } }`, [/^people\.eve\.pace\.bundle: must be 5s at most/, /^people\.eve\.pace\.atMost\.messages: /]],
    ['quiet hours without an end', `${minimal}people: { eve: { email: eve@example.com, quietHours: { from: '22:00', until: '22:00', zone: Europe/Berlin } } }`, ['people.eve.quietHours.until: must not be the same time as from (got "22:00")']],
    ['quiet hours nowhere', `${minimal}people: { eve: { email: eve@example.com, quietHours: { from: 'Monday 22:00', until: '07:00', zone: Berlin } } }`, ['people.eve.quietHours.from: must be a time of day such as 22:00 (got "Monday 22:00")', /^people\.eve\.quietHours\.zone: must be an IANA time zone/]],
    ['a name where Slack wants an id', `${minimal}people: { eve: { contacts: [{ slack: eve }] } }`, ['people.eve.contacts.0.slack: must be the id of a member (U…) or a conversation (C…) of Slack (got "eve")']],
    ['the address of a webhook in the open', `${minimal}channels: { slackWebhooks: { ops: { url: https://hooks.slack.com/services/hunter2 } } }`, ['channels.slackWebhooks.ops.url: must be a reference, env:NAME or file:/path, not the secret itself']],
    ['a webhook that is no address', `${minimal}channels: { slackWebhooks: { ops: { url: "env:SMTP_PASSWORD" } } }`, ['channels.slackWebhooks.ops.url: must be an http or https URL']],
    ['a secret too short to sign with', `${minimal}channels: { webhooks: { b: { url: "env:BRIDGE_URL", secret: "env:SMTP_PASSWORD" } } }`, ['channels.webhooks.b.secret: must be whsec_ and 24 to 64 bytes in base64']],
    ['a key of links that is too short', `${minimal}links: { keys: ["env:SMTP_PASSWORD"] }`, ['links.keys.0: must be a key for HMAC: 64 hexadecimal digits']],
    ['an empty file', '', ['environments: at least one is needed', 'hosts: at least one is needed']],
  ])('refuses %s', async (_what, yaml, expected) => {
    const problems = await problemsOf(yaml);
    expect(problems).toHaveLength(expected.length);
    expected.forEach((problem, index) => (typeof problem === 'string' ? expect(problems[index]).toBe(problem) : expect(problems[index]).toMatch(problem)));
    expect(problems.join()).not.toContain('hunter2');
  });

  it('lists the problems of every section at once', async () => {
    const problems = await problemsOf(`
environments: { production: { authos: { url: ftp://auth.example.com, token: env:MISSING } } }
hosts: { app-1: { environment: staging, root: relative, timeZone: Mars/Olympus } }
people: { eve: { email: nowhere } }
http: { port: 99999 }
automation: { everything: never }
`);
    const paths = problems.map((problem) => problem.split(':')[0]);
    expect(paths).toEqual([
      'environments.production.authos.url',
      'environments.production.authos.token',
      'hosts.app-1.root',
      'hosts.app-1.timeZone',
      'people.eve.email',
      'http.port',
      'automation.everything',
    ]);
  });

  it.each([
    ['broken YAML', 'hosts: { app-1: [', /at line 1/],
    ['a list', '- a\n- b', /must be a mapping/],
    ['a key given twice', `${minimal}state: a\nstate: b`, /unique/],
  ])('names the place of %s', async (_what, yaml, expected) => {
    expect((await problemsOf(yaml)).join('\n')).toMatch(expected);
  });

  it('says which file is missing and how to name another', () => {
    const file = join(folder, 'nowhere.yaml');
    expect(() => loadConfig({ env: { RESPONDER_CONFIG: file } })).toThrow(`${file} can't be used`);
    expect(() => loadConfig({ env: { RESPONDER_CONFIG: file } })).toThrow('RESPONDER_CONFIG names the file');
  });
});

describe('the signing key', () => {
  it('is made once, readable by its owner only, also by servers that start together', async () => {
    const state = join(folder, 'fresh');
    const seeds = await Promise.all(Array.from({ length: 8 }, () => signingSeed({ state })));
    expect(new Set(seeds.map((seed) => Buffer.from(seed).toString('hex'))).size).toBe(1);
    expect((await stat(join(state, 'signing-key'))).mode & 0o777).toBe(0o600);
  });

  it('is refused when others may read it, or when it is no key', async () => {
    const state = join(folder, 'open');
    await signingSeed({ state });
    await chmod(join(state, 'signing-key'), 0o644);
    await expect(signingSeed({ state })).rejects.toThrow('others may read it (mode 644)');
    await writeFile(join(state, 'signing-key'), 'not a key');
    await expect(signingSeed({ state })).rejects.toThrow('is not an Ed25519 seed');
  });
});
