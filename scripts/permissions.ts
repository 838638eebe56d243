import { type SudoRule, sudoRules } from '../src/activities/sudo-rules.js';
import type { PlainRunbook } from '../src/catalogue/plain.js';
import { rightsOf, type RightName } from '../src/domain/rights.js';
import { databaseGrants, optionalOauthTables, redisAcl } from './grants.js';
import { exampleHost, sudoLine } from './sudoers.js';

/** Something that a step needs, told once in a section of its own. */
interface Right {
  name: RightName;
  /** Who its commands run as, if that is not the worker's own user. */
  as?: string;
  text: string[];
  sudo?: SudoRule['right'];
  sql?: string[];
}

const rights: Right[] = [
  {
    name: 'application',
    as: exampleHost.user,
    sudo: 'application',
    text: [
      'Commands of the application run as its user, never as root. The line is as good as all rights of that user: `env` is there to set the few variables that a command gets, and runs anything.',
      'Which `php` and `composer` are run is in the config; as the application they can do what the application can.',
    ],
  },
  {
    name: 'reading',
    text: ["Read the application's root, most of all `storage/logs`: membership of its group, with `g+rX`. Links are not followed."],
  },
  {
    name: 'storage',
    text: ["Write to the folders of `storage` that the step names, which are the application's: by its group, `g+w` and the setgid bit."],
  },
  {
    name: 'archive',
    text: [`\`archive\` and \`records\` of the host (\`${exampleHost.archive}\`), owned by the worker's user, mode 700, on another volume than the application's.`],
  },
  {
    name: 'env file',
    text: ['Write to `.env` and its folder. The new file keeps owner and mode of the old one: that takes `CAP_CHOWN` where the worker is not its owner (`AmbientCapabilities=CAP_CHOWN` of its unit). Without it `.env` stays as it was, and the step fails.'],
  },
  {
    name: 'key files',
    text: ['Read and write the OAuth keys in `storage`, which only the application may read: with `CAP_CHOWN`, `CAP_FOWNER` and `CAP_DAC_OVERRIDE`, which are near to root, or not at all: then restore keys by hand.'],
  },
  { name: 'restart', as: 'root', sudo: 'restart', text: ['The application\'s own restart, as `restart` of the host says.'] },
  { name: 'services', as: 'root', sudo: 'services', text: ['One line for each unit under `services` of the host that a runbook restarts by name. A container takes membership of the group `docker` instead, which is as good as root.'] },
  { name: 'workers', as: 'root', sudo: 'workers', text: ['Supervisor\'s programs under `services.workers` and `queueWorkers`. *Increase Worker Processes* also writes `queueWorkers.configFile` and its folder.'] },
  { name: 'firewall', as: 'root', sudo: 'firewall', text: ['A rule for one address on ports 80 and 443, put in front or taken away, and nothing else: `enable`, `disable`, `reset` and other ports are not among them. Where nginx blocks: write the deny file, and *web server*.'] },
  { name: 'web server', as: 'root', sudo: 'web server', text: ['Test and reload; no restart.'] },
  { name: 'certbot', as: 'root', sudo: 'certbot', text: ['One certificate by its name. certbot runs its hooks as root: who may write them is root.'] },
  { name: 'certificate files', text: ['Read the certificate; for *Update Certificate Files* also write it, with its owner kept (as *env file*). A key is read only to see whether it pairs.'] },
  { name: 'volume', as: 'root', sudo: 'volume', text: ['In AWS, to the instance\'s role or the user of `aws`: `ec2:DescribeVolumes` and `ec2:DescribeVolumesModifications`, and `ec2:ModifyVolume` on this one volume.'] },
  { name: 'AuthOS token', text: ['`authos.token` of the environment: may read monitoring; for webhooks also test, retry, enable and disable them.'] },
  { name: 'database looks', sql: databaseGrants.looks, text: ['Statistics and settings of all sessions, and a reserved slot.'] },
  { name: 'database sessions', sql: databaseGrants.sessions, text: ['End sessions of other roles; never those of a superuser.'] },
  { name: 'database settings', sql: databaseGrants.settings, text: ['PostgreSQL 15 or newer; before, only a superuser may, and the step fails in PostgreSQL\'s words.'] },
  { name: 'failed jobs', sql: databaseGrants['failed jobs'], text: ['`delete` for *Clear Failed Jobs* alone.'] },
  { name: 'logins', sql: databaseGrants.logins, text: ['Who logged in with success is no certain attacker.'] },
  {
    name: 'OAuth tables',
    sql: [...databaseGrants.oauth, ...optionalOauthTables.map((table) => `grant select on ${table} to responder -- if this Passport has it`)],
    text: ['`update` revokes a test token that a worker\'s death left behind.'],
  },
  { name: 'webhook tables', sql: databaseGrants.webhooks, text: ['The secret of a webhook is read for a signed request, and shown nowhere.'] },
  { name: 'Redis', text: ['The password takes the place of PASSWORD; the address of the config then names this user.', `\`\`\`text\n${redisAcl}\n\`\`\``] },
  { name: 'network', text: ['Outgoing connections to AuthOS, to the domain\'s addresses, and to endpoints of webhooks: none to private addresses unless `webhookNetworks` lists them.'] },
  { name: 'processes', text: ['What every user may: `ps`, `top`, `free`, `df`. With `hidepid` the worker\'s group must be exempt.'] },
  { name: 'nothing', text: ['It is done in the responder, or with what other steps have found.'] },
];

/** docs/permissions.md: for each step what its host worker must be allowed, and how that is granted. */
export function permissionsMarkdown(runbooks: readonly PlainRunbook[]): string {
  const rules = sudoRules(exampleHost);
  return [
    '# Permissions',
    '',
    'Written by `npm run docs` from the steps of the catalogue; a check fails when it is stale. The least that the worker of a host needs, step by step: leave out what you do not automate. A step without its right fails in the words of the system, and a person is asked.',
    '',
    `The worker runs as a user of its own, here \`responder\`, and never as root. [sudoers.example](sudoers.example) has all the lines for sudo in one file, for the host of responder.example.yaml: \`visudo -cf docs/sudoers.example\` accepts it with sudo 1.9.10 or newer, which knows expressions for arguments. Paths are Debian's.`,
    '',
    'Conditions and proofs read with the rights of the diagnostic steps of their runbook. The write test of a disk runs as the application\'s user on its volume, and as the worker\'s own on others.',
    '',
    '## The role in the database',
    '',
    '`url` and `adminUrl` of the config may both be its address, `adminUrl` best over the local socket. Grants are below, by what needs them.',
    '',
    '```sql',
    "create role responder login password '…';",
    'grant connect on database authos to responder;',
    '```',
    '',
    '## Rights',
    '',
    ...rights.flatMap((right) => [...rightLines(right, rules), '']),
    '## Steps',
    '',
    ...runbooks.flatMap((runbook) => [...runbookLines(runbook), '']),
  ].join('\n');
}

function rightsFor(command: string): Right[] {
  const needed = rightsOf(command);
  return rights.filter(({ name }) => needed.includes(name));
}

function rightLines({ name, text, sudo, sql }: Right, rules: readonly SudoRule[]): string[] {
  const lines = rules.filter(({ right }) => right === sudo).map(sudoLine);
  return [
    `### ${heading(name)}`,
    '',
    text.join('\n\n'),
    ...(lines.length > 0 ? ['', '```text', ...lines, '```'] : []),
    ...(sql ? ['', '```sql', ...sql.map(statement), '```'] : []),
  ];
}

function statement(sql: string): string {
  const [code = '', comment] = sql.split(' -- ');
  return comment === undefined ? `${code};` : `${code}; -- ${comment}`;
}

function runbookLines({ title, diagnose, resolve }: PlainRunbook): string[] {
  const rows = [
    ...diagnose.map((step) => row(step.title, step.command)),
    ...resolve.flatMap((step) => (step.acts.length === 0 ? [row(step.title, undefined)] : step.acts.map((act) => row(act.name === step.title ? act.name : `${step.title}: ${act.name}`, act.command)))),
  ];
  return [`### ${title}`, '', '| Step | Command | As | Needs |', '| --- | --- | --- | --- |', ...rows];
}

function row(name: string, command: string | undefined): string {
  if (command === undefined) return `| ${name} | | a person | |`;
  const needed = rightsFor(command);
  const users = [...new Set(needed.map(({ as }) => as ?? 'responder'))].sort();
  const links = needed.map((right) => `[${right.name}](#${heading(right.name).toLowerCase().replaceAll(' ', '-')})`);
  return `| ${name} | ${cell(command)} | ${users.join(', ')} | ${links.join(', ')} |`;
}

/** Code in a cell of a table: a bar would end it, even inside code. */
function cell(command: string): string {
  const text = command.replaceAll('\n', '; ').replaceAll('|', '\\|');
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}

function heading(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
