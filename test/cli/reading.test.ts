import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainRunbook } from '../../src/catalogue/plain.js';
import { runbookMarkdown } from '../../src/catalogue/render.js';
import type { OnCall } from '../../src/roster/on-call.js';
import type { Trial } from '../../src/trial.js';
import { diskSpaceCriticalProcedure } from '../../src/workflows/disk-space-critical.js';
import { apiServer, closedIncident, incidentId, openIncident, responder, type ApiServer } from './world.js';

let server: ApiServer;
beforeAll(async () => {
  server = await apiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const typed = incidentId.slice(0, 13);

describe('responder incidents', () => {
  const line = (id: string, change: object = {}) => ({
    id,
    workflowId: `incident/${id}`,
    runbook: 'failedQueueJobs',
    severity: 'Medium',
    target: 'emails',
    state: 'open',
    level: 1,
    waitingFor: '',
    nextEscalationAt: new Date(Date.now() + 4 * 60_000).toISOString(),
    openedAt: Date.now() - 80 * 60_000,
    ...change,
  });
  const critical = line(incidentId, {
    severity: 'Critical',
    runbook: 'diskSpaceCritical',
    target: 'app-1:/var/www',
    waitingFor: 'approval of Clean Failed Jobs',
  });
  const medium = line('0199a3b2-7c42-7d3e-8a90-5b1c2d3e4f50');

  it('shows the worst first, with times that need no arithmetic', async () => {
    server.on('GET /api/incidents', { json: { incidents: [medium, critical] } });
    const { stdout, exitCode } = await responder(['incidents'], { url: server.url });
    expect(exitCode).toBe(0);
    const [head, first, second] = stdout.split('\n');
    expect(head).toMatch(/^id +severity +runbook +target +state +level +since +next page +waits for$/);
    expect(first).toMatch(
      /^0199a3b2-7c41 +Critical +diskSpaceCritical +app-1:\/var\/www +open +1 .*\(1 h 20 min ago\) +in 4 min +approval of Clean Failed Jobs$/,
    );
    expect(second).toMatch(/^0199a3b2-7c42 +Medium/);
  });

  it('lengthens ids of the same millisecond until they differ', async () => {
    const twin = line('0199a3b2-7c41-7d3e-8a90-5b1c2d3e4f51');
    server.on('GET /api/incidents', { json: { incidents: [critical, twin] } });
    const { stdout } = await responder(['ls'], { url: server.url });
    expect(stdout).toContain(`${critical.id} `);
    expect(stdout).toContain(`${twin.id} `);
  });

  it('asks for what the flags say, with the token of the person', async () => {
    server.on('GET /api/incidents', { json: { incidents: [] } });
    const { stdout } = await responder(['incidents', '--state', 'watching', '--runbook', 'failedQueueJobs', '--all'], {
      url: server.url,
    });
    expect(stdout).toBe('No such incidents.');
    expect(server.seen.at(-1)).toMatchObject({
      url: '/api/incidents?state=watching&runbook=failedQueueJobs&all=true',
      authorization: 'Bearer token-of-alice',
    });
  });

  it('says so when nothing is open', async () => {
    server.on('GET /api/incidents', { json: { incidents: [] } });
    expect((await responder(['incidents'], { url: server.url })).stdout).toBe('No open incidents.');
  });

  it('gives one JSON document', async () => {
    server.on('GET /api/incidents', { json: { incidents: [critical] } });
    const { stdout } = await responder(['incidents', '--json'], { url: server.url, env: { FORCE_COLOR: '1' } });
    expect(JSON.parse(stdout)).toEqual({ incidents: [critical] });
  });

  it('refuses a state that does not exist, and says which do', async () => {
    const { stderr, exitCode } = await responder(['incidents', '--state', 'broken'], { url: server.url });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('open, attached, mitigated, watching, closed');
  });
});

describe('responder show', () => {
  async function shown(view = openIncident(), words: string[] = [], progress: object[] = []): Promise<string> {
    server.on(`GET /api/incidents/${typed}`, { json: { view, progress } });
    const { stdout, stderr, exitCode } = await responder(['show', typed, ...words], { url: server.url });
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    return stdout;
  }

  it('tells what is wrong, since when, and what happens next', async () => {
    const screen = await shown();
    expect(screen).toMatch(
      /^Critical {2}Disk at 95 % on app-1\ndiskSpaceCritical on app-1:\/var\/www — open\nsince .*\(10 min ago\), 3 alerts, the last 5 min ago, source says firing\n/,
    );
    expect(screen).toMatch(/next page +in 5 min \(\d\d:\d\d:\d\d\): Engineering Manager/);
    expect(screen).toContain('• /var/www is 95 % full, inodes 12 %');
    expect(screen).toContain('• Clear Old Logs: done, 4.2 GB freed');
    expect(screen).toContain('https://responder.example/incidents/0199a3b2');
  });

  it('shows the open question whole, with the commands that answer it, and no answered one', async () => {
    const screen = await shown();
    expect(screen).toContain('runs      php artisan queue:flush\n');
    expect(screen).toContain('because   3 failed jobs\n              oldest of 2 days ago\n');
    expect(screen).toMatch(/asked 2 min ago, expires in 8 min/);
    expect(screen).toContain(`→ responder approve ${typed} 1.2\n`);
    expect(screen).toContain(`→ responder decline ${typed} 1.2 --reason "…"\n`);
    expect(screen).not.toContain('approve 0199a3b2-7c41 1.1');
  });

  it('says of each person paged whether they acknowledged', async () => {
    const screen = await shown();
    expect(screen).toMatch(/alice +Primary +.+ by mail +accepted +no\n/);
    expect(screen).toMatch(/bob +Infrastructure Team +.+ by mail +accepted, attempt 2 +yes, \d\d:\d\d:\d\d\n/);
  });

  it('asks for an acknowledgement when nobody holds it', async () => {
    const screen = await shown(openIncident({ acknowledgement: undefined }));
    expect(screen).toContain('held by      nobody has acknowledged\n');
    expect(screen).toContain(`→ responder ack ${typed}\n`);
    expect(screen).toMatch(/bob .*, no longer\n/);
  });

  it('shows the steps of the run that is going on', async () => {
    const done = {
      act: 'Clear Old Logs',
      risk: 'destructive',
      outcome: { kind: 'done', evidence: '4.2 GB freed' },
      startedAt: 1,
      endedAt: 2,
    };
    const declined = {
      act: 'delete sessions',
      risk: 'destructive',
      outcome: { kind: 'skipped', reason: 'declined', detail: 'by bob' },
      startedAt: 1,
      endedAt: 2,
    };
    const screen = await shown(
      openIncident(),
      [],
      [
        { title: 'Clear Old Logs', phase: 'resolve', acts: [done], check: 'not recovered: 88 % used' },
        { title: 'Clear Cache Files', phase: 'resolve', acts: [declined] },
      ],
    );
    expect(screen).toMatch(/Run 1: resolving, since/);
    expect(screen).toContain('✓ Clear Old Logs — done: 4.2 GB freed\n      check after it: not recovered: 88 % used\n');
    expect(screen).toContain('– Clear Cache Files (delete sessions) — skipped (declined): by bob\n');
  });

  it('shortens a long timeline unless all of it is wanted', async () => {
    const timeline = Array.from({ length: 30 }, (_, n) => ({
      at: n,
      actor: { kind: 'automation', part: 'run' } as const,
      what: 'note' as const,
      text: `entry ${n}.`,
    }));
    const view = openIncident({ timeline });
    expect(await shown(view)).not.toContain('entry 17.');
    expect(await shown(view)).toContain('entry 18.');
    expect(await shown(view, ['--full'])).toContain('entry 0.');
  });

  it('offers the report of a closed incident, and no question', async () => {
    const screen = await shown(closedIncident({ closedAs: 'resolved by a person', closeReason: 'planned load test' }));
    expect(screen).toMatch(/closed, resolved by a person, open for 10 min\n/);
    expect(screen).toMatch(/as resolved by a person: planned load test\n {2}report +responder report 0199a3b2-7c41\n/);
    expect(screen).not.toContain('responder approve');
  });

  it('names the server in the commands to type when a flag chose it', async () => {
    server.on(`GET /api/incidents/${typed}`, { json: { view: openIncident(), progress: [] } });
    const { stdout } = await responder(['show', typed, '--url', server.url]);
    expect(stdout).toContain(`→ responder approve ${typed} 1.2 --url ${server.url}\n`);
  });

  it('takes a workflow id', async () => {
    const workflowId = 'incident/diskSpaceCritical/app-1-var-www';
    server.on('GET /api/incidents/incident%2FdiskSpaceCritical%2Fapp-1-var-www', {
      json: { view: openIncident(), progress: [] },
    });
    const { stdout, exitCode } = await responder(['show', workflowId], { url: server.url });
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`responder approve ${workflowId} 1.2`);
  });

  it('gives the view as JSON', async () => {
    const view = openIncident();
    server.on(`GET /api/incidents/${typed}`, { json: { view, progress: [] } });
    const { stdout } = await responder(['show', typed, '--json'], { url: server.url });
    expect(JSON.parse(stdout)).toEqual({ view, progress: [] });
  });

  it('tells a server of another version from an incident', async () => {
    server.on(`GET /api/incidents/${typed}`, { json: { view: { v: 2 } } });
    const { stderr, exitCode } = await responder(['show', typed], { url: server.url });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('without an incident of version 1');
  });
});

describe('responder report, mode and runbooks', () => {
  it('prints the report as Markdown or JSON', async () => {
    server.on(`GET /api/incidents/${typed}/report`, ({ url }) =>
      url.endsWith('format=md') ? { text: '# Disk\n\n- **done**\n' } : { json: { v: 1, title: 'Disk' } },
    );
    expect((await responder(['report', typed], { url: server.url })).stdout).toBe('# Disk\n\n- **done**');
    expect(JSON.parse((await responder(['report', typed, '--json'], { url: server.url })).stdout)).toEqual({
      v: 1,
      title: 'Disk',
    });
  });

  it('shows the modes, and changes them for all or for one runbook', async () => {
    const modes = { global: 'automatic', runbooks: { bruteForceAttack: 'dry-run' } };
    server.on('GET /api/mode', { json: modes });
    server.on('PUT /api/mode', { json: modes });
    expect((await responder(['mode'], { url: server.url })).stdout).toMatch(
      /^scope +mode\nglobal +automatic\nbruteForceAttack +dry-run$/,
    );
    await responder(['mode', 'observe-only'], { url: server.url });
    expect(server.seen.at(-1)).toMatchObject({
      method: 'PUT',
      url: '/api/mode',
      body: { scope: 'global', mode: 'observe-only' },
    });
    const one = await responder(['mode', 'dry-run', '--runbook', 'bruteForceAttack', '--json'], { url: server.url });
    expect(server.seen.at(-1)?.body).toEqual({ scope: 'bruteForceAttack', mode: 'dry-run' });
    expect(JSON.parse(one.stdout)).toEqual(modes);
  });

  it('refuses a mode that does not exist, and --runbook without one', async () => {
    const before = server.seen.length;
    expect(await responder(['mode', 'off'], { url: server.url })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('show, automatic, observe-only, dry-run') as string,
    });
    expect(await responder(['mode', '--runbook', 'x'], { url: server.url })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--runbook needs the mode to set') as string,
    });
    expect(server.seen.length).toBe(before);
  });

  it('lists the runbooks by the names that other commands take', async () => {
    server.on('GET /api/runbooks', {
      json: {
        runbooks: [{ type: 'diskSpaceCritical', title: 'Disk Space Critical', severity: 'Critical', target: 'host and mount' }],
      },
    });
    expect((await responder(['runbooks'], { url: server.url })).stdout).toMatch(
      /diskSpaceCritical +Critical +host and mount +Disk Space Critical/,
    );
  });

  it('shows every step of one runbook, in Markdown or JSON', async () => {
    const disk = plainRunbook(diskSpaceCriticalProcedure);
    server.on('GET /api/runbooks', { json: { runbooks: [disk] } });
    const { stdout, exitCode } = await responder(['catalogue', 'diskSpaceCritical'], { url: server.url });
    expect(exitCode).toBe(0);
    expect(`${stdout}\n`).toBe(`${runbookMarkdown(disk)}\n`);
    expect(stdout).toContain('**Clear Old Logs**');
    const script = await responder(['catalogue', 'diskSpaceCritical', '--json'], { url: server.url });
    expect(JSON.parse(script.stdout)).toEqual(disk);
  });

  it('says which runbooks there are when asked for another, and of a server that tells no steps', async () => {
    server.on('GET /api/runbooks', { json: { runbooks: [{ type: 'diskSpaceCritical', title: 'Disk Space Critical' }] } });
    const unknown = await responder(['catalogue', 'diskSpace'], { url: server.url });
    expect(unknown).toMatchObject({ exitCode: 2, stderr: 'responder: there is no runbook "diskSpace".\nThere are diskSpaceCritical.' });
    const old = await responder(['catalogue', 'diskSpaceCritical'], { url: server.url });
    expect(old.stderr).toContain('of another version');
  });
});

describe('responder oncall', () => {
  const at = Date.now();
  const roles: OnCall[] = [
    { role: 'Primary', people: [{ id: 'alice', name: 'Alice' }], by: 'rotation', next: { at: at + 3 * 3_600_000, people: [{ id: 'bob', name: 'Bob' }] } },
    { role: 'CTO', people: [{ id: 'em', name: 'Manager' }], by: 'standing in' },
    { role: 'Secondary', people: [{ id: 'bob', name: 'bob' }], by: 'override', reason: 'swap\nwith alice' },
    { role: '24/7 Hotline', people: [], by: 'list' },
  ];

  it('tells who is paged for each role, why, and the next hand-over', async () => {
    server.on('GET /api/oncall', { json: { at, roles } });
    const { stdout, exitCode } = await responder(['oncall'], { url: server.url });
    expect(exitCode).toBe(0);
    expect(server.seen.at(-1)).toMatchObject({ url: '/api/oncall', authorization: 'Bearer token-of-alice' });
    expect(stdout).toMatch(/^Primary +Alice \(alice\) +rotation +.*\(in 3 h\): Bob \(bob\)$/m);
    expect(stdout).toMatch(/^CTO +Manager \(em\) +nobody holds it: the Escalation contact$/m);
    expect(stdout).toMatch(/^Secondary +bob +override: swap with alice$/m);
    expect(stdout).toMatch(/^24\/7 Hotline +NOBODY +list$/m);
  });

  it('asks about another moment, and says what is none', async () => {
    server.on('GET /api/oncall', { json: { at, roles } });
    expect(JSON.parse((await responder(['oncall', '--at', '2026-12-24T18:00+01:00', '--json'], { url: server.url })).stdout)).toEqual({ at, roles });
    expect(server.seen.at(-1)).toMatchObject({ url: '/api/oncall?at=2026-12-24T17%3A00%3A00.000Z' });
    const wrong = await responder(['oncall', '--at', 'tomorrow'], { url: server.url });
    expect(wrong.stderr).toContain('--at must be a moment, not "tomorrow"');
    expect(wrong.exitCode).toBe(2);
  });
});

describe('responder trial', () => {
  const trial: Trial = {
    since: Date.now() - 14 * 86_400_000,
    until: Date.now(),
    incidents: 5,
    unreadable: 0,
    runbooks: [
      {
        runbook: 'diskSpaceCritical',
        title: 'Disk Space Critical',
        incidents: 3,
        ended: [
          { as: 'recovered', incidents: 2, median: 34 * 60_000 },
          { as: 'open', incidents: 1 },
        ],
        toPage: { median: 1_200, longest: 4_000 },
        would: [
          { step: 'Clear Old Logs', act: 'Delete logs', risk: 'destructive', command: 'find -delete', approval: 'at once', incidents: 3 },
          { step: 'Clear Cache Files', act: 'Delete all sessions', risk: 'destructive', command: 'rm -rf\nsessions/*', approval: 'after approval', incidents: 1 },
        ],
      },
    ],
  };

  it('tells what would have been done, and what would have been asked', async () => {
    server.on('GET /api/trial', { json: trial });
    const { stdout, exitCode } = await responder(['trial', '--since', '14d'], { url: server.url });
    expect(exitCode).toBe(0);
    expect(server.seen.at(-1)).toMatchObject({ url: '/api/trial?since=14d', authorization: 'Bearer token-of-alice' });
    expect(stdout).toContain(': 3 of 5 incidents only looked on.');
    expect(stdout).toContain('Incidents: 3. How they ended: 2 recovered, after 34 min; 1 open.');
    expect(stdout).toContain('First page: after 1 s, 4 s at most.');
    expect(stdout).toMatch(/^ {2}by itself +destructive +3 +Clear Old Logs – Delete logs +find -delete$/m);
    expect(stdout).toMatch(/^ {2}would ask +destructive +1 +Clear Cache Files – Delete all sessions +rm -rf sessions\/\*$/m);
  });

  it('says that nothing only looked on, and gives JSON', async () => {
    server.on('GET /api/trial', { json: { ...trial, runbooks: [] } });
    expect((await responder(['trial'], { url: server.url })).stdout).toMatch(/: 0 of 5 incidents only looked on\.$/);
    expect(JSON.parse((await responder(['trial', '--json'], { url: server.url })).stdout)).toMatchObject({ incidents: 5, runbooks: [] });
  });

  it('passes the server\'s words on where the time is none', async () => {
    server.on('GET /api/trial', { status: 400, json: { error: 'invalid', message: 'since: must be a duration such as 12h or 14d' } });
    const { stderr, exitCode } = await responder(['trial', '--since', 'ages'], { url: server.url });
    expect(stderr).toContain('must be a duration such as 12h or 14d');
    expect(exitCode).toBe(2);
  });
});
