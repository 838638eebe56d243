import type { Actor } from '../../src/domain/actor.js';
import type { IncidentView } from '../../src/domain/incident.js';
import type { Ask } from '../../src/domain/messages.js';
import type { Delivery } from '../../src/domain/page.js';

export const openedAt = Date.parse('2026-03-01T14:05:00Z');
export const at = (minutes: number): number => openedAt + minutes * 60_000;
export const ladder: Actor = { kind: 'automation', part: 'ladder' };
export const alice: Actor = { kind: 'person', person: 'alice', via: 'cli' };

/** A question that does not expire. */
export const question: Ask = {
  id: '1.1',
  step: 'Clean Failed Jobs',
  act: 'Flush failed jobs',
  command: 'php artisan queue:flush',
  host: 'app-1',
  risk: 'destructive',
  undo: 'none',
  evidence: '412 failed jobs',
  expiresAt: null,
};

export function delivery(change: Partial<Delivery> = {}): Delivery {
  return {
    key: '0190f3c0-0000-7000-8000-000000000001/1/1.0/alice',
    person: 'alice',
    why: 'Primary (level 1)',
    channel: 'email',
    dueAt: at(0),
    sentAt: at(0) + 40,
    acceptedAt: at(0) + 2_000,
    attempts: 1,
    repeats: 0,
    late: false,
    ...change,
  };
}

/** A closed disk incident with one run, one approved act, one page acknowledged after 7 min. */
export function incidentView(change: Partial<IncidentView> = {}): IncidentView {
  return {
    v: 1,
    incident: {
      id: '0190f3c0-0000-7000-8000-000000000001',
      workflowId: 'incident/diskSpaceCritical/app-1-var',
      runbook: 'diskSpaceCritical',
      title: 'Disk Space Critical',
      severity: 'Critical',
      target: 'app-1:/var',
      openedAt,
      links: { console: 'http://127.0.0.1:8080/incidents/1', temporal: '' },
    },
    state: 'closed',
    mode: 'automatic',
    waitingFor: '',
    alerts: { count: 2, lastAt: at(3), lastStatus: 'resolved', description: 'Disk 93 % full', labels: {} },
    level: 2,
    pages: [delivery(), delivery({ key: 'k/2/1.0/bob', person: 'bob', why: 'CTO (level 2)', acceptedAt: at(15), attempts: 2, repeats: 1, late: true })],
    asks: [
      {
        ...question,
        expiresAt: at(20),
        askedAt: at(9),
        answer: { answer: 'approved', by: alice, at: at(11) },
      },
    ],
    undos: [
      { id: '1/limit', kind: 'automatic', title: 'Write RATE_LIMIT_AUTH=10 back', host: 'app-1', activity: 'x', argument: null, touches: [], state: 'done', evidence: 'written', by: 'undo' },
    ],
    runs: [
      {
        n: 1,
        kind: 'full',
        workflowId: 'w/run/1',
        startedAt: at(0),
        quietUntil: at(30),
        phase: 'proven',
        endedAt: at(30),
        end: 'recovered',
        reason: 'used 71 %',
        steps: [
          { title: 'Check Disk Usage', phase: 'diagnose', acts: [{ act: 'df', risk: 'observe', outcome: { kind: 'done', evidence: '/var 93 %\n/ 40 %' }, startedAt: at(0), endedAt: at(0) + 900 }] },
          {
            title: 'Clean Failed Jobs',
            phase: 'resolve',
            acts: [
              { act: 'Flush failed jobs', risk: 'destructive', outcome: { kind: 'done', evidence: '412 gone' }, startedAt: at(11), endedAt: at(12), approvedBy: 'alice', undo: 'none', file: 'flush.txt' },
              { act: 'Prune failed jobs', risk: 'destructive', outcome: { kind: 'skipped', reason: 'expired', detail: 'nobody answered in 10 min' }, startedAt: at(13), endedAt: at(23) },
              { act: 'Archive', risk: 'destructive', outcome: { kind: 'failed', message: 'exit 1: no space' }, startedAt: at(24), endedAt: at(24) },
              { act: 'Grow', risk: 'destructive', outcome: { kind: 'unknown', because: 'the worker died' }, startedAt: at(25), endedAt: at(25) },
            ],
            check: 'used 71 %',
          },
        ],
      },
    ],
    found: ['41 % of /var is logs'],
    done: ['Flush failed jobs: 412 gone'],
    followUps: ['Look at the unknown outcome of Grow', 'Prevention: Set up automated log rotation', 'Prevention: Monitor disk usage daily'],
    timeline: [
      { at: at(0), actor: { kind: 'automation', part: 'intake' }, what: 'alert', text: 'Disk 93 % full' },
      { at: at(0), actor: ladder, what: 'page', text: 'level 1: alice' },
      { at: at(7), actor: alice, what: 'acknowledge', text: 'acknowledged' },
      { at: at(11), actor: alice, what: 'decision', text: 'approved 1.1' },
      { at: at(30), actor: { kind: 'automation', part: 'incident' }, what: 'state', text: 'closed: recovered' },
    ],
    closedAt: at(42),
    closedAs: 'recovered',
    closeReason: 'held for 10 min',
    ...change,
  };
}
