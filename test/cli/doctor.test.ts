import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Examination } from '../../src/domain/doctor.js';
import { apiServer, responder, type ApiServer } from './world.js';

let server: ApiServer;
beforeAll(async () => {
  server = await apiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const at = Date.UTC(2026, 10, 24, 12);
const green: Examination = {
  at,
  until: at + 14 * 24 * 60 * 60_000,
  green: true,
  checks: [
    { area: 'temporal', subject: 'namespace', state: 'ok', says: 'default answers' },
    { area: 'config', subject: 'encryption', state: 'note', says: "Temporal's database is readable" },
  ],
  runbooks: [{ runbook: 'diskSpaceCritical', title: 'Disk Space Critical', severity: 'Critical', levels: [{ level: 1, roles: [{ role: 'Primary', afterMs: 0 }, { role: 'Secondary', afterMs: 300_000 }] }, { level: 2, roles: [{ role: 'CTO', afterMs: 900_000 }] }] }],
  roster: [{ role: 'Primary', held: [{ from: at, until: at + 3_600_000, people: ['alice'], standsIn: false }, { from: at + 3_600_000, until: at + 14 * 24 * 60 * 60_000, people: ['bob'], standsIn: true }] }],
  people: [{ id: 'alice', name: 'Alice', ways: [{ channel: 'email', address: 'alice@authos.test', looked: { state: 'works', says: 'mail:25 takes us' } }, { channel: 'phone 2', address: '+4930000002', afterMs: 120_000, looked: { state: 'refused', says: 'Twilio answered 401\u001b[2J' } }] }],
};
const steps = Array.from({ length: 6 }, (_, index) => `bruteForceAttack: Step ${index}`);
const red: Examination = { ...green, green: false, checks: [...green.checks, { area: 'hosts', subject: 'app-1: firewall', state: 'finding', says: 'command not found: ufw\u001b[2J', remedy: 'install it', steps }] };

describe('responder doctor', () => {
  it('shows who is paged and how, and ends with 0 where all is in order', async () => {
    server.on('POST /api/doctor', { json: green });
    const { stdout, exitCode } = await responder(['doctor'], { url: server.url });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('All in order: 1 checks, 1 notes.');
    expect(stdout).toMatch(/diskSpaceCritical +Critical +1 +Primary at once, Secondary after 5 min/);
    expect(stdout).toMatch(/Primary .* alice\n.* bob \(Escalation contact, standing in\)/);
    expect(stdout).toMatch(/alice +email to alice@authos\.test +works +mail:25 takes us\n +phone 2 to \+4930000002, after 2 min +refused +Twilio answered 401/);
    expect(stdout).not.toContain('\u001b[2J');
    expect(stdout).not.toContain('default answers');
    expect(server.seen.at(-1)?.body).toEqual({ sendTest: false });
  });

  it('tells findings with what they stop and what to do, and ends with 1', async () => {
    server.on('POST /api/doctor', { json: red });
    const { stdout, exitCode } = await responder(['doctor', '--send-test', '--all'], { url: server.url });
    expect(exitCode).toBe(1);
    expect(stdout).toContain('1 findings, 1 notes; 1 checks are in order.');
    expect(stdout).toMatch(/finding +hosts +app-1: firewall +command not found: ufw/);
    expect(stdout).toContain('stops bruteForceAttack: Step 0, bruteForceAttack: Step 1, bruteForceAttack: Step 2, bruteForceAttack: Step 3 and 2 more (--json)');
    expect(stdout).toContain('install it');
    expect(stdout).toContain('default answers');
    expect(stdout).not.toContain('\u001b[2J');
    expect(server.seen.at(-1)?.body).toEqual({ sendTest: true });
  });

  it('gives everything as one JSON document, with the same exit code', async () => {
    server.on('POST /api/doctor', { json: red });
    const { stdout, exitCode } = await responder(['doctor', '--json'], { url: server.url });
    expect(exitCode).toBe(1);
    expect((JSON.parse(stdout) as Examination).checks[2]?.steps).toEqual(steps);
  });

  it.each([
    ['is another program', { json: { hello: 'world' } }, 7],
    ['breaks', { status: 500, json: { error: 'internal', message: 'it broke' } }, 7],
    ['does not take the token', { status: 401, json: { error: 'unauthorized', message: 'this token is not known' } }, 6],
  ])('never ends with 0 or 1 where the server %s', async (_what, reply, code) => {
    server.on('POST /api/doctor', reply);
    expect((await responder(['doctor'], { url: server.url })).exitCode).toBe(code);
  });

  it('says in its help what its exit code means, with examples', async () => {
    const { stdout } = await responder(['doctor', '--help'], { url: server.url });
    expect(stdout).toContain('Exit code: 0 all in order, 1 there are findings, another one if it could not be asked.');
    expect(stdout).toContain('$ responder doctor --send-test');
  });
});
