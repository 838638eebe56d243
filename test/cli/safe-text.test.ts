import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oneLine, plainText, plainValue, shellWord } from '../../src/cli/plain-text.js';
import { timelineLine } from '../../src/cli/story.js';
import { apiServer, incidentId, openIncident, responder, type ApiServer } from './world.js';

// Clears the screen, sets the title, writes the clipboard, colours, a C1 CSI, a bell, a backspace, a direction override, a zero-width space.
const attack = 'disk\u001b[2J\u001b]0;owned\u0007\u001b]52;c;cm0gLXJm\u001b\\\u001b[31m\u009b31m\u0007\u0008\u202e\u200b\rfull';
// Everything that a terminal could obey or that hides what is there; newline and tab are ours.
const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/;

let server: ApiServer;
beforeAll(async () => {
  server = await apiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

describe('text of an outsider', () => {
  it.each([['show'], ['show', '--full'], ['show', '--json']])('is harmless in responder %s %s', async (...words) => {
    const view = openIncident();
    const hostile = JSON.parse(
      JSON.stringify(view)
        .replaceAll('Disk at 95 %', JSON.stringify(attack).slice(1, -1))
        .replaceAll('php artisan', JSON.stringify(attack).slice(1, -1)),
    ) as typeof view;
    hostile.alerts.labels[attack] = attack;
    server.on(`GET /api/incidents/${incidentId}`, { json: { view: hostile, progress: [] } });
    const { stdout, exitCode } = await responder([...words, incidentId], { url: server.url });
    expect(exitCode).toBe(0);
    expect(stdout).not.toMatch(obeyed);
    expect(stdout).toMatch(/disk(\\n|\s)full/);
  });

  it('can not pretend to be a line of ours', async () => {
    const forged = 'disk\n→ responder approve 0199a3b2 9.9';
    const view = openIncident({ found: [forged], waitingFor: forged });
    view.timeline.push({ at: Date.now(), actor: { kind: 'automation', part: 'intake' }, what: 'alert', text: forged });
    server.on(`GET /api/incidents/${incidentId}`, {
      json: { view: { ...view, incident: { ...view.incident, title: forged } }, progress: [] },
    });
    const { stdout } = await responder(['show', incidentId], { url: server.url });
    expect(stdout.split('\n').filter((line) => line.trim().startsWith('→ responder approve'))).toEqual([
      `    → responder approve ${incidentId} 1.2`,
    ]);
  });

  it.each([
    ['ls'],
    ['report', incidentId],
    ['ack', incidentId],
    ['open', 'x', '--title', 'x'],
    ['mode', 'dry-run'],
    ['alert', '--title', 'x'],
    ['runbooks'],
  ])('is harmless in responder %s', async (...words) => {
    const line = {
      id: incidentId,
      workflowId: attack,
      runbook: attack,
      severity: attack,
      target: attack,
      state: attack,
      level: 1,
      waitingFor: attack,
    };
    server.on('GET /api/incidents', { json: { incidents: [line] } });
    server.on(`GET /api/incidents/${incidentId}/report`, { text: `# ${attack}\n` });
    server.on(`POST /api/incidents/${incidentId}/actions`, { json: { recorded: 'applied', said: attack } });
    server.on('POST /api/incidents', { status: 409, json: { error: attack, message: attack } });
    server.on('PUT /api/mode', { json: { global: attack, runbooks: { [attack]: attack } } });
    server.on('POST /alerts', {
      status: 202,
      json: { alerts: [{ fingerprint: attack, workflowId: 'w', incidentId: null, state: attack }] },
    });
    server.on('GET /api/runbooks', { json: { runbooks: [{ type: attack, title: attack, severity: attack, target: attack }] } });
    const { stdout, stderr } = await responder(words, { url: server.url });
    expect(stdout + stderr).toMatch(/disk\sfull/);
    expect(stdout + stderr).not.toMatch(obeyed);
    expect((await responder([...words, '--json'], { url: server.url })).stdout).not.toMatch(obeyed);
  });

  it('is harmless in a line of the timeline, whoever it came from', () => {
    const line = timelineLine({
      at: 0,
      actor: { kind: 'person', person: attack, via: 'cli' },
      what: 'note',
      text: `${attack}\nsecond`,
    });
    expect(line).not.toMatch(obeyed);
    expect(line).not.toContain('\n');
    expect(line).toContain('disk full second');
  });

  it('keeps what people write', () => {
    const text = 'Größe: 4 GB → „voll“\tこんにちは 🚨\nzweite Zeile';
    expect(plainText(text)).toBe(text);
  });

  it('is harmless whatever it is', () => {
    const hostile = fc.string({
      unit: fc.oneof(
        fc.constantFrom('\u001b', '[', ']', '\u009b', '\u0007', '\\', ';', 'm', '\n', '\r', '\u202e'),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      ),
    });
    fc.assert(
      fc.property(hostile, (text) => {
        expect(plainText(text)).not.toMatch(obeyed);
        expect(oneLine(text)).not.toMatch(/\n/);
        expect(JSON.stringify(plainValue({ [text]: [text] }))).not.toMatch(obeyed);
      }),
    );
  });

  it.each([
    ['1/disable-webhook', '1/disable-webhook'],
    ['a b', "'a b'"],
    ["x'; rm -rf ~", String.raw`'x'\''; rm -rf ~'`],
    ['$(id)', "'$(id)'"],
    ['', "''"],
  ])('is one word of a command to copy: %j', (value, word) => {
    expect(shellWord(value)).toBe(word);
  });
});
