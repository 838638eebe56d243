import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { run } from '../../src/cli/run.js';
import type { IncidentView } from '../../src/domain/incident.js';

const program = fileURLToPath(new URL('../../bin/responder', import.meta.url));

/** A request as the server saw it. */
export interface Seen {
  method: string;
  /** With its query, still encoded. */
  url: string;
  authorization: string | undefined;
  agent: string | undefined;
  body: unknown;
}

/** What to answer: a status with JSON (or text as it is), or 'hang' to say nothing at all. */
export type Reply = { status?: number; json?: unknown; text?: string; headers?: Record<string, string> } | 'hang';

/** A server on a free port that answers `METHOD path` by a table; `*` is the path of any request. */
export interface ApiServer extends AsyncDisposable {
  url: string;
  seen: Seen[];
  /** Replies to one route: a value, or a function called for each request. */
  on(route: string, reply: Reply | ((seen: Seen) => Reply)): void;
}

export async function apiServer(): Promise<ApiServer> {
  const seen: Seen[] = [];
  const replies = new Map<string, (seen: Seen) => Reply>();
  const server = createServer((request, response) => {
    void answer(request, response);
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = (await buffer(request)).toString();
    const { method = '', url = '' } = request;
    const one: Seen = {
      method,
      url,
      authorization: request.headers.authorization,
      agent: request.headers['user-agent'],
      body: text === '' ? undefined : JSON.parse(text),
    };
    seen.push(one);
    const reply = (replies.get(`${method} ${url.split('?')[0] ?? ''}`) ?? replies.get('*') ?? notFound)(one);
    if (reply === 'hang') return;
    response.writeHead(reply.status ?? 200, {
      'content-type': reply.text === undefined ? 'application/json' : 'text/markdown',
      ...reply.headers,
    });
    response.end(reply.text ?? JSON.stringify(reply.json));
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    on: (route, reply) => void replies.set(route, typeof reply === 'function' ? reply : () => reply),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const notFound = (): Reply => ({ status: 404, json: { error: 'unknown_incident', message: 'no incident has this id' } });

/** What a command line is given besides its words. */
interface Given {
  url?: string;
  env?: Record<string, string>;
  input?: string;
}

function environment({ url, env = {} }: Given): Record<string, string> {
  return {
    RESPONDER_TOKEN: 'token-of-alice',
    RESPONDER_ALERT_TOKEN: 'token-of-monitor',
    ...(url === undefined ? {} : { RESPONDER_URL: url }),
    ...env,
  };
}

/** One command line in this process, without the environment of the test: what it wrote, without the last line break, and its exit code. */
export async function responder(words: string[], given: Given = {}): Promise<{ stdout: string; stderr: string; exitCode: number }> {
  const written = { stdout: '', stderr: '' };
  const exitCode = await run(words, {
    env: environment(given),
    stdin: Readable.from(given.input === undefined ? [] : [given.input]),
    stdout: { write: (text) => void (written.stdout += text) },
    stderr: { write: (text) => void (written.stderr += text) },
    now: Date.now,
    pause: async () => setImmediate(),
    interruption: () => new AbortController().signal,
  });
  return { stdout: written.stdout.replace(/\n$/, ''), stderr: written.stderr.replace(/\n$/, ''), exitCode };
}

/** Starts the real `responder` in another folder than the repository's, for what only a process shows. */
export function spawned(words: string[], given: Given = {}) {
  return execa(program, words, {
    cwd: '/',
    extendEnv: false,
    env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC', ...environment(given) },
    reject: false,
    ...(given.input === undefined ? { stdin: 'ignore' as const } : { input: given.input }),
  });
}

export const incidentId = '0199a3b2-7c41-7d3e-8a90-5b1c2d3e4f50';

/** An open incident that waits for an approval, ten minutes old. */
export function openIncident(change: Partial<IncidentView> = {}): IncidentView {
  const openedAt = Date.now() - 10 * 60_000;
  const at = (seconds: number) => openedAt + seconds * 1_000;
  return {
    v: 1,
    incident: {
      id: incidentId,
      workflowId: 'incident/diskSpaceCritical/app-1-var-www',
      runbook: 'diskSpaceCritical',
      title: 'Disk at 95 % on app-1',
      severity: 'Critical',
      target: 'app-1:/var/www',
      openedAt,
      links: { console: 'https://responder.example/incidents/0199a3b2', temporal: 'https://temporal.example/namespaces/default' },
    },
    state: 'open',
    mode: 'automatic',
    waitingFor: 'approval of Clean Failed Jobs',
    alerts: {
      count: 3,
      lastAt: at(300),
      lastStatus: 'firing',
      description: 'used_percentage 95 on /var/www',
      labels: { host: 'app-1' },
    },
    level: 2,
    acknowledgement: { by: { kind: 'person', person: 'bob', via: 'link' }, at: at(120), lapsesAt: at(120 + 1800) },
    nextPage: { at: openedAt + 15 * 60_000, who: 'Engineering Manager' },
    pages: [
      {
        key: 'k1',
        person: 'alice',
        why: 'Primary',
        channel: 'mail',
        dueAt: at(0),
        sentAt: at(1),
        acceptedAt: at(1),
        attempts: 1,
        repeats: 0,
        late: false,
      },
      {
        key: 'k2',
        person: 'bob',
        why: 'Infrastructure Team',
        channel: 'mail',
        dueAt: at(0),
        sentAt: at(1),
        acceptedAt: at(2),
        attempts: 2,
        repeats: 0,
        late: false,
      },
    ],
    asks: [
      {
        id: '1.1',
        step: 'Clear Cache Files',
        act: 'delete sessions',
        command: 'find storage/framework/sessions -type f -delete',
        host: 'app-1',
        risk: 'destructive',
        undo: 'none',
        evidence: 'sessions hold 400 MB',
        expiresAt: at(500),
        askedAt: at(100),
        answer: { answer: 'declined', by: { kind: 'person', person: 'bob', via: 'link' }, at: at(130) },
      },
      {
        id: '1.2',
        step: 'Clean Failed Jobs',
        act: 'flush failed jobs',
        command: 'php artisan queue:flush',
        host: 'app-1',
        risk: 'destructive',
        undo: 'none; exported first to archive/failed-jobs.json',
        evidence: '3 failed jobs\noldest of 2 days ago',
        expiresAt: openedAt + 18 * 60_000,
        askedAt: at(480),
      },
    ],
    undos: [
      {
        id: '1/move-audit-logs',
        kind: 'offered',
        title: 'Move the audit logs back',
        host: 'app-1',
        activity: 'moveLogsBack',
        argument: {},
        touches: [],
        state: 'registered',
      },
    ],
    runs: [
      {
        n: 1,
        kind: 'full',
        workflowId: `${incidentId}/run/1`,
        startedAt: at(1),
        quietUntil: at(900),
        phase: 'resolving',
        steps: [],
      },
    ],
    found: ['/var/www is 95 % full, inodes 12 %', 'storage/logs holds 11 GB'],
    done: ['Clear Old Logs: done, 4.2 GB freed'],
    followUps: [],
    timeline: [
      { at: at(0), actor: { kind: 'automation', part: 'intake' }, what: 'alert', text: 'Disk at 95 % on app-1' },
      {
        at: at(1),
        actor: { kind: 'automation', part: 'ladder' },
        what: 'page',
        text: 'level 1: alice (Primary), bob (Infrastructure Team)',
      },
      { at: at(120), actor: { kind: 'person', person: 'bob', via: 'link' }, what: 'acknowledge', text: 'bob holds it' },
      { at: at(480), actor: { kind: 'automation', part: 'run' }, what: 'ask', text: '1.2 Clean Failed Jobs: flush failed jobs' },
    ],
    ...change,
  };
}

/** The same incident after it has closed. */
export function closedIncident(change: Partial<IncidentView> = {}): IncidentView {
  return openIncident({ state: 'closed', closedAs: 'recovered', closedAt: Date.now(), waitingFor: '', ...change });
}
