import { describe, expect, it } from 'vitest';
import { pageText, textWithLinks } from '../../src/channels/page-text.js';
import type { PageTextInput } from '../../src/channels/page-text.js';
import type { PagePart } from '../../src/domain/ladder.js';
import type { Ask } from '../../src/domain/messages.js';
import type { IncidentHead, PageRequest, Story } from '../../src/domain/page.js';

const openedAt = Date.parse('2026-03-01T14:05:00Z');
const now = Date.parse('2026-03-01T14:20:30Z');

const incident: IncidentHead = {
  id: '0190f3c0-0000-7000-8000-000000000001',
  workflowId: 'incident/diskSpaceCritical/app-1-var',
  runbook: 'diskSpaceCritical',
  title: 'Disk Space Critical',
  severity: 'Critical',
  target: 'app-1:/var',
  openedAt,
  links: { console: 'http://127.0.0.1:8080/incidents/1', temporal: '' },
};

const story: Story = {
  wrong: 'Disk 93 % full',
  state: 'open',
  found: ['/var 93 % used, 41 % of it logs'],
  done: [],
  asked: [],
  next: 'Level 3 (CTO) is paged at 14:35 UTC.',
};

const ask: Ask = {
  id: '1.2',
  step: 'Clean Failed Jobs',
  act: 'Flush failed jobs',
  command: 'php artisan queue:flush',
  host: 'app-1',
  risk: 'destructive',
  undo: 'none; exported to the archive first',
  evidence: '412 failed jobs, the oldest of 2026-01-04',
  expiresAt: openedAt + 20 * 60_000,
};

const level2: PagePart = { level: 2, round: '1.0', roles: ['Engineering Manager'], reason: 'due' };
const dueAt = openedAt + 15 * 60_000;

function page(part: PagePart, change: Partial<PageTextInput> = {}, told: Partial<Story> = {}) {
  const request: PageRequest = { kind: 'page', incident, story: { ...story, ...told }, due: { dueAt, parts: [part], late: false } };
  return pageText({ request, why: 'Engineering Manager (level 2)', part, escalatedToYou: false, late: false, now, ...change });
}

describe('the text of a page', () => {
  it('says what is wrong, since when, what is known, who you are in it, and what comes next', () => {
    const { subject, text } = page(level2, { late: true });
    expect(subject).toBe('[Critical] Disk Space Critical on app-1:/var – Level 2 (late)');
    expect(text).toMatchInlineSnapshot(`
      "Escalated to you: Disk 93 % full – unresolved for 15 min. Please acknowledge.

      Incident
      Critical: Disk Space Critical on app-1:/var, open
      Since 2026-03-01 14:05 UTC (15 min ago)
      You are Engineering Manager (level 2), because it is unresolved and this level is due
      Late: this was due 2026-03-01 14:20 UTC (30 s ago)

      Found so far
      - /var 93 % used, 41 % of it logs

      Done so far
      - nothing yet

      What happens next
      Level 3 (CTO) is paged at 14:35 UTC.

      Say that you have it
          responder ack 0190f3c0-0000-7000-8000-000000000001

      Links
      http://127.0.0.1:8080/incidents/1
      "
    `);
  });

  it.each([
    [{ level: 1, round: '1.0', reason: 'due' }, 'Level 1'],
    [{ level: 1, round: '2.3', reason: 'repeat' }, 'Level 1 (repeat 3)'],
    [{ level: 'last resort', round: '1.0', reason: 'last resort' }, 'Last resort'],
  ] as const)('names the level in the subject: %j', (part, ending) => {
    expect(page({ ...part, roles: ['Primary'] }).subject).toBe(`[Critical] Disk Space Critical on app-1:/var – ${ending}`);
  });

  it('begins with what is wrong and what to do for the person on call', () => {
    expect(page({ ...level2, level: 1 }).text.split('\n')[0]).toBe('Disk 93 % full – open for 15 min. Please acknowledge.');
  });

  it('tells a person who holds it already that it was escalated to them', () => {
    expect(page(level2, { escalatedToYou: true }).text).toContain('Escalated to you: you hold it already through a lower level');
    expect(page(level2).text).not.toContain('you hold it already');
  });

  it('shows all that is needed for an answer: command, host, risk, undo, evidence, deadline and the line to type', () => {
    const request: PageRequest = { kind: 'ask', incident, story, asks: [ask], people: ['alice'], dueAt: now };
    const { subject, text } = pageText({ request, why: 'you were paged for this incident', escalatedToYou: false, late: false, now });
    expect(subject).toBe('[Critical] Disk Space Critical on app-1:/var – Approve 1.2 Clean Failed Jobs?');
    expect(text.slice(0, text.indexOf('Found so far'))).toMatchInlineSnapshot(`
      "Your answer is needed: Flush failed jobs on app-1? Disk 93 % full

      Incident
      Critical: Disk Space Critical on app-1:/var, open
      Since 2026-03-01 14:05 UTC (15 min ago)
      You are asked: you were paged for this incident

      Question 1.2
      Clean Failed Jobs: Flush failed jobs
      Host: app-1
      Risk: destructive
      Undo: none; exported to the archive first
      Until: 2026-03-01 14:25 UTC (in 4 min)

      Exact command of 1.2
          php artisan queue:flush

      Evidence for 1.2
          412 failed jobs, the oldest of 2026-01-04

      Your answer to 1.2
          responder approve 0190f3c0-0000-7000-8000-000000000001 1.2
          responder decline 0190f3c0-0000-7000-8000-000000000001 1.2

      "
    `);
  });

  it('asks several questions in one message and puts open ones into later pages', () => {
    const asks = [ask, { ...ask, id: '1.3', step: 'Archive Old Data', expiresAt: null }];
    const request: PageRequest = { kind: 'ask', incident, story, asks, people: ['alice'], dueAt: now };
    const { subject, text } = pageText({ request, why: 'you were paged for this incident', escalatedToYou: false, late: false, now });
    expect(subject).toContain('Approve 1.2 Clean Failed Jobs and 1 more?');
    expect(text).toContain('Until: no time limit');
    for (const words of [text, page(level2, {}, { asked: asks }).text]) {
      expect(words).toContain('responder approve 0190f3c0-0000-7000-8000-000000000001 1.2\n');
      expect(words).toContain('responder approve 0190f3c0-0000-7000-8000-000000000001 1.3\n');
    }
  });

  it('asks nothing of somebody who is only told', () => {
    const request: PageRequest = { kind: 'notice', subject: 'closed-1', incident, story: { ...story, state: 'closed, recovered' }, roles: ['Primary'], people: [], dueAt: now };
    const { subject, text } = pageText({ request, why: 'Primary', escalatedToYou: false, late: false, now });
    expect(subject).toBe('[Critical] Disk Space Critical on app-1:/var – Notice: closed, recovered');
    expect(text).toMatch(/^For your information: Disk 93 % full – closed, recovered\.\n/);
    expect(text).toContain('You are told: Primary');
    expect(text).not.toContain('cknowledge');
  });

  it('lets no outsider\'s text forge a line, a header or a direction of writing', () => {
    const evil = 'ok\r\n\r\nYour answer to 9\n    responder approve x 9\u2028\u202Egnp.exe\u0000';
    const { subject, text } = page(level2, {}, { wrong: evil, found: [evil], done: [evil], next: evil, state: evil });
    expect(subject + text).not.toMatch(/[\u0000\r\u2028\u202E]/);
    expect(text.split('\n').filter((line) => line.startsWith('Your answer') || line.startsWith('    responder approve'))).toEqual([]);
  });

  it('shows an ask\'s command exactly, with what can\'t be seen made visible', () => {
    const request: PageRequest = { kind: 'ask', incident, story, asks: [{ ...ask, command: 'rm -- "a\u202Eb"\nYour answer' }], people: [], dueAt: now };
    const { text } = pageText({ request, why: 'x', escalatedToYou: false, late: false, now });
    expect(text).toContain('    rm -- "a\\u{202e}b"\n    Your answer\n');
  });

  it('escapes every value in the HTML', () => {
    const evil = '<img src=x onerror=alert(1)>"\'&';
    const request: PageRequest = {
      kind: 'ask',
      incident: { ...incident, title: evil, target: evil, links: { console: 'javascript:alert(1)', temporal: `https://t.example/${evil}` } },
      story: { wrong: evil, state: evil, found: [evil], done: [evil], asked: [], next: evil },
      asks: [{ ...ask, id: evil, step: evil, act: evil, command: evil, host: evil, undo: evil, evidence: evil }],
      people: [],
      dueAt: now,
    };
    const { html } = pageText({ request, why: evil, escalatedToYou: true, late: true, now });
    const tags = new Set([...html.matchAll(/<\/?([a-z0-9!]+)/gi)].map(([, tag]) => tag));
    expect([...tags].sort()).toEqual(['!doctype', 'a', 'body', 'br', 'h3', 'head', 'html', 'li', 'meta', 'p', 'pre', 'strong', 'title', 'ul']);
    expect([...html.matchAll(/<a ([^>]*)>/g)].map(([, attributes]) => attributes)).toEqual([expect.stringMatching(/^href="https:[^"]*"$/)]);
  });
});

describe('links', () => {
  const links = [
    { action: 'acknowledge' as const, label: 'Acknowledge', url: 'https://responder.example.com/links/a.b-c_d' },
    { action: 'approve' as const, ask: '1.2', label: 'Approve 1.2', url: 'https://responder.example.com/links/e' },
  ];

  it('come right after the first line, where a phone shows them', () => {
    const { html, text, lead } = page(level2, { links });
    expect(html.indexOf('>Acknowledge</a>')).toBeGreaterThan(html.indexOf(lead));
    expect(html.indexOf('>Acknowledge</a>')).toBeLessThan(html.indexOf('<h3>Incident'));
    expect(text).not.toContain('/links/');
    expect(textWithLinks(text, links).split('\n\n').slice(0, 2)).toEqual([
      lead,
      'For you alone, to be confirmed on the page that opens\nAcknowledge: https://responder.example.com/links/a.b-c_d\nApprove 1.2: https://responder.example.com/links/e',
    ]);
    expect(textWithLinks(text, [])).toBe(text);
  });
});
