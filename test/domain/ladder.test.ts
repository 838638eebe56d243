import { describe, expect, it } from 'vitest';
import type { Actor } from '../../src/domain/actor.js';
import {
  acknowledge,
  close,
  escalate,
  highestPaged,
  hold,
  type LadderPolicy,
  type LadderState,
  lapseAcknowledgement,
  lastResortBegan,
  nextPage,
  nextWake,
  openLadder,
  pagedLevels,
  pagedNow,
  release,
  restart,
  snooze,
} from '../../src/domain/ladder.js';
import type { Role } from '../../src/domain/runbook.js';
import type { Severity } from '../../src/domain/severity.js';
import { scaled, standardTimes } from '../../src/domain/times.js';
import { inShort, type Walk, walk } from './ladder-walk.js';

const min = standardTimes.minute;
const alice: Actor = { kind: 'person', person: 'alice', via: 'cli' };

type Levels = [afterMinutes: number, role: Role][];

function policyOf(severity: Severity, levels: Levels, besides: Role[] = []): LadderPolicy {
  return { severity, ladder: { besides, told: [], levels: levels.map(([afterMinutes, role]) => ({ afterMinutes, role })) }, times: standardTimes };
}

/** Events, outages and the end in minutes; what went out, one line a page. */
function story(policy: LadderPolicy, { until, events = [], outages = [] }: Omit<Walk, 'policy'>): string[] {
  const { sent } = walk({
    policy,
    until: until * min,
    events: events.map(({ at, happens }) => ({ at: at * min, happens })),
    outages: outages.map(({ from, to }) => ({ from: from * min, to: to * min })),
  });
  return sent.map((page) => inShort(page, min));
}

// The table of RUNBOOK-SPEC, "People and time".
const runbooks: { runbook: string; severity: Severity; besides: Role[]; levels: Levels }[] = [
  { runbook: 'highErrorRate', severity: 'High', besides: [], levels: [[30, 'Senior Backend Engineer'], [60, 'Engineering Manager']] },
  { runbook: 'databaseConnectionFailures', severity: 'Critical', besides: ['Database Administrator'], levels: [[15, 'Engineering Manager'], [30, 'CTO']] },
  { runbook: 'oauthSystemFailure', severity: 'Critical', besides: [], levels: [[15, 'Security Engineer'], [30, 'CTO']] },
  { runbook: 'highApiResponseTimes', severity: 'Medium', besides: [], levels: [[60, 'Performance Engineer'], [120, 'Infrastructure Team']] },
  { runbook: 'bruteForceAttack', severity: 'High', besides: ['Security Team'], levels: [[30, 'Engineering Manager']] },
  { runbook: 'webhookDeliveryFailures', severity: 'Medium', besides: [], levels: [[60, 'Integration Engineer']] },
  {
    runbook: 'webhookDeliveryFailures, business-critical',
    severity: 'Medium',
    besides: ['Integration Engineer', 'Webhook endpoint owner'],
    levels: [[60, 'Integration Engineer']],
  },
  { runbook: 'cacheSystemFailure', severity: 'Medium', besides: [], levels: [[60, 'Infrastructure Engineer']] },
  { runbook: 'diskSpaceCritical', severity: 'Critical', besides: ['Infrastructure Team'], levels: [[15, 'Engineering Manager'], [30, 'CTO']] },
  { runbook: 'failedQueueJobs', severity: 'Medium', besides: [], levels: [[60, 'Backend Engineer']] },
  { runbook: 'sslCertificateExpiry', severity: 'High', besides: [], levels: [[30, 'Infrastructure/DevOps Engineer'], [60, 'Security Team']] },
  { runbook: 'generalTroubleshooting, Critical', severity: 'Critical', besides: [], levels: [[15, 'Escalation contact'], [30, 'CTO']] },
  { runbook: 'generalTroubleshooting, High', severity: 'High', besides: [], levels: [[30, 'Escalation contact']] },
  { runbook: 'generalTroubleshooting, Medium', severity: 'Medium', besides: [], levels: [[60, 'Escalation contact']] },
];

const acknowledges = (policy: LadderPolicy) => (state: LadderState, now: number) => acknowledge(policy, state, alice, now);

const scenarios = {
  'nobody answers, for four hours': () => ({ until: 240 }),
  'primary acknowledges at 3 and goes silent': (policy: LadderPolicy) => ({ until: 150, events: [{ at: 3, happens: acknowledges(policy) }] }),
  'acknowledged at 3, renewed at 25 and 50': (policy: LadderPolicy) => ({
    until: 145,
    events: [3, 25, 50].map((at) => ({ at, happens: acknowledges(policy) })),
  }),
  'no worker from 4 to 40': () => ({ until: 100, outages: [{ from: 4, to: 40 }] }),
  'watched from 10 to 20, then a relapse': (policy: LadderPolicy) => ({
    until: 80,
    events: [
      { at: 10, happens: (state: LadderState, now: number) => hold(state, 'watching', now) },
      { at: 20, happens: (state: LadderState, now: number) => release(policy, state, now) },
    ],
  }),
  'snoozed from 12 to 22': (policy: LadderPolicy) => ({
    until: 80,
    events: [{ at: 12, happens: (state: LadderState, now: number) => snooze(policy, acknowledges(policy)(state, now), 22 * min) }],
  }),
};

/*
 * Worked out by hand from the spec. P Primary, B besides, S Secondary, E Escalation contact, H 24/7 Hotline; X and Y are
 * levels 2 and 3, LR the last resort; `15,30` is the same page at both minutes.
 */
const expected: Record<string, Record<keyof typeof scenarios, string[]>> = {
  'Critical, two levels': {
    'nobody answers, for four hours': [
      '0 1:PB', '5 1:S', '10 1:E', '15 1:PSEB | 2:X', '30,45 1:PSEB | 2:X | 3:Y', '60 2:X | 3:Y', '75 3:Y', '90,120,150,180,210,240 LR:EH',
    ],
    // Level 2 was not paged when he acknowledged, so it repeats; level 3, the highest, starts again at the lapse.
    'primary acknowledges at 3 and goes silent': [
      '0 1:PB', '15 2:X', '30 2:X | 3:Y', '33 3:Y', '45 2:X', '48 3:Y', '60 2:X', '63,78 3:Y', '93,123 LR:EH',
    ],
    'acknowledged at 3, renewed at 25 and 50': ['0 1:PB', '15 2:X', '30,45,80,95,110,125 3:Y', '140 LR:EH'],
    'no worker from 4 to 40': ['0 1:PB', '40 late 3:Y', '45 1:PSEB | 2:X | 3:Y', '60 2:X | 3:Y', '75 3:Y', '90 LR:EH'],
    'watched from 10 to 20, then a relapse': ['0 1:PB', '5 1:S', '20 late 2:X', '30,45 1:PSEB | 2:X | 3:Y', '60 2:X | 3:Y', '75 3:Y'],
    'snoozed from 12 to 22': [
      '0 1:PB', '5 1:S', '10 1:E', '22 late 2:X', '30 2:X | 3:Y', '42 3:Y', '45 2:X', '57 3:Y', '60 2:X', '72 3:Y',
    ],
  },
  'High, two levels': {
    'nobody answers, for four hours': [
      '0 1:PB', '5 1:S', '10 1:E', '15 1:PSEB', '30,45 1:PSEB | 2:X', '60,75 2:X | 3:Y', '90,105 3:Y', '120,150,180,210,240 LR:EH',
    ],
    'primary acknowledges at 3 and goes silent': ['0 1:PB', '30,33,48 2:X', '60 3:Y', '63 2:X', '75 3:Y', '78 2:X', '90,105 3:Y', '120,150 LR:EH'],
    'acknowledged at 3, renewed at 25 and 50': ['0 1:PB', '30,45 2:X', '60,75,80,95,110,125 3:Y', '140 LR:EH'],
    'no worker from 4 to 40': ['0 1:PB', '40 late 2:X', '45 1:PSEB | 2:X', '60,75 2:X | 3:Y', '90 3:Y'],
    'watched from 10 to 20, then a relapse': ['0 1:PB', '5 1:S', '20 late 1:PSEB', '30,45 1:PSEB | 2:X', '60,75 2:X | 3:Y'],
    'snoozed from 12 to 22': ['0 1:PB', '5 1:S', '10 1:E', '30,42,57 2:X', '60 3:Y', '72 2:X', '75 3:Y'],
  },
  'High, one level': {
    'nobody answers, for four hours': [
      '0 1:PB', '5 1:S', '10 1:E', '15 1:PSEB', '30,45 1:PSEB | 2:X', '60,75 2:X', '90,120,150,180,210,240 LR:EH',
    ],
    'primary acknowledges at 3 and goes silent': ['0 1:PB', '30,33,48,63,78 2:X', '93,123 LR:EH'],
    'acknowledged at 3, renewed at 25 and 50': ['0 1:PB', '30,45,80,95,110,125 2:X', '140 LR:EH'],
    'no worker from 4 to 40': ['0 1:PB', '40 late 2:X', '45 1:PSEB | 2:X', '60,75 2:X', '90 LR:EH'],
    'watched from 10 to 20, then a relapse': ['0 1:PB', '5 1:S', '20 late 1:PSEB', '30,45 1:PSEB | 2:X', '60,75 2:X'],
    'snoozed from 12 to 22': ['0 1:PB', '5 1:S', '10 1:E', '30,42,57,72 2:X'],
  },
  'Medium, two levels': {
    'nobody answers, for four hours': [
      '0 1:PB', '5 1:S', '15,30,45 1:PSB', '60,75,90,105 2:X', '120,135,150,165 3:Y', '180,210,240 LR:E',
    ],
    'primary acknowledges at 3 and goes silent': [
      '0 1:PB', '33,48 1:PSB', '60 2:X', '63 1:PSB', '75 2:X', '78 1:PSB', '90,105 2:X', '120,135,150 3:Y',
    ],
    'acknowledged at 3, renewed at 25 and 50': ['0 1:PB', '60,75,80,95,110 2:X', '120 3:Y', '125 2:X', '135 3:Y'],
    'no worker from 4 to 40': ['0 1:PB', '40 late 1:PSB', '45 1:PSB', '60,75,90 2:X'],
    'watched from 10 to 20, then a relapse': ['0 1:PB', '5 1:S', '20 late 1:PSB', '30,45 1:PSB', '60,75 2:X'],
    'snoozed from 12 to 22': ['0 1:PB', '5 1:S', '42,57 1:PSB', '60 2:X', '72 1:PSB', '75 2:X'],
  },
  'Medium, one level': {
    'nobody answers, for four hours': ['0 1:PB', '5 1:S', '15,30,45 1:PSB', '60,75,90,105 2:X', '120,150,180,210,240 LR:E'],
    'primary acknowledges at 3 and goes silent': [
      '0 1:PB', '33,48 1:PSB', '60 2:X', '63 1:PSB', '75 2:X', '78 1:PSB', '90,105 2:X', '120,150 LR:E',
    ],
    'acknowledged at 3, renewed at 25 and 50': ['0 1:PB', '60,75,80,95,110,125 2:X', '140 LR:E'],
    'no worker from 4 to 40': ['0 1:PB', '40 late 1:PSB', '45 1:PSB', '60,75,90 2:X'],
    'watched from 10 to 20, then a relapse': ['0 1:PB', '5 1:S', '20 late 1:PSB', '30,45 1:PSB', '60,75 2:X'],
    'snoozed from 12 to 22': ['0 1:PB', '5 1:S', '42,57 1:PSB', '60 2:X', '72 1:PSB', '75 2:X'],
  },
};

/** The hand-written lines with a runbook's people; a role that a higher level brings too is asked once, by that level. */
function spelledOut(lines: string[], besides: Role[], levels: Levels): string[] {
  const names: Record<string, Role[]> = {
    P: ['Primary'], S: ['Secondary'], E: ['Escalation contact'], H: ['24/7 Hotline'], B: besides,
    X: levels.slice(0, 1).map(([, role]) => role), Y: levels.slice(1, 2).map(([, role]) => role),
  };
  return lines.flatMap((line) => {
    const [minutes = '', ...rest] = line.split(' ');
    const parts = rest.filter((word) => word !== '|' && word !== 'late').map((word) => word.split(':'));
    const people = parts.map(([, letters = '']) => [...letters].flatMap((letter) => names[letter] ?? []));
    const shown = parts.map(([level], i) => `${level}:${people[i]?.filter((role) => !people.slice(i + 1).flat().includes(role)).join(',')}`);
    return minutes.split(',').map((minute) => `${minute} ${rest.includes('late') ? 'late ' : ''}${shown.join(' | ')}`);
  });
}

const table = runbooks.flatMap(({ runbook, severity, besides, levels }) =>
  Object.entries(scenarios).map(([scenario, of]) => ({ runbook, scenario, severity, besides, levels, of })),
);

describe('the ladder of each runbook', () => {
  it.each(table)('$runbook: $scenario', ({ scenario, severity, besides, levels, of }) => {
    const policy = policyOf(severity, levels, besides);
    const lines = expected[`${severity}, ${levels.length === 1 ? 'one level' : 'two levels'}`]?.[scenario as keyof typeof scenarios] ?? [];
    expect(lines.length).toBeGreaterThan(0);
    expect(story(policy, of(policy))).toEqual(spelledOut(lines, besides, levels));
  });
});

const critical = policyOf('Critical', [[15, 'Engineering Manager'], [30, 'CTO']]);
const high = policyOf('High', [[30, 'Senior Backend Engineer'], [60, 'Engineering Manager']]);

function at(minutes: number, happens: (state: LadderState, now: number) => LadderState | ReturnType<typeof escalate>) {
  return { at: minutes, happens };
}

/** The state after living through these events up to this minute. */
function stateAt(policy: LadderPolicy, minutes: number, events: ReturnType<typeof at>[] = []): LadderState {
  return walk({ policy, until: minutes * min, events: events.map((event) => ({ ...event, at: event.at * min })) }).state;
}

describe('paged early', () => {
  it('counts as paged and moves no other level', () => {
    expect(story(critical, { until: 45, events: [at(2, (state, now) => escalate(critical, state, now))] })).toEqual([
      '0 1:Primary',
      '2 2:Engineering Manager',
      '5 1:Secondary',
      '10 1:Escalation contact',
      '15 1:Primary,Secondary,Escalation contact',
      '17 2:Engineering Manager',
      '30 1:Primary,Secondary,Escalation contact | 3:CTO',
      '32 2:Engineering Manager',
      '45 1:Primary,Secondary,Escalation contact | 3:CTO',
    ]);
  });

  it('at a chosen level counts the lower ones as paged, repeats included', () => {
    const lines = story(high, { until: 62, events: [at(7, (state, now) => escalate(high, acknowledge(high, state, alice, now), now, 3))] });
    expect(lines).toEqual([
      '0 1:Primary',
      '5 1:Secondary',
      '7 3:Engineering Manager',
      '22 2:Senior Backend Engineer | 3:Engineering Manager',
      // The acknowledgement of minute 7 lapses: level 3 starts again, together with the third page of level 2.
      '37 2:Senior Backend Engineer | 3:Engineering Manager',
      '52 2:Senior Backend Engineer | 3:Engineering Manager',
    ]);
  });

  it('with no level left starts the highest again, and does not put off the last resort that nobody answered', () => {
    const again = escalate(critical, stateAt(critical, 31), 31 * min);
    expect(again.page?.parts).toEqual([{ level: 3, round: '1.0', roles: ['CTO'], reason: 'early' }]);
    const lines = story(critical, { until: 125, events: [at(31, (state, now) => escalate(critical, state, now))] });
    expect(lines.filter((line) => line.includes('LR'))).toEqual(['90 LR:Escalation contact,24/7 Hotline', '120 LR:Escalation contact,24/7 Hotline']);
  });

  it('is one page with what is due at that moment', () => {
    const { page, state } = escalate(critical, stateAt(critical, 29), 45 * min);
    expect(page).toMatchObject({ dueAt: 45 * min, late: true });
    const repeats = escalate(critical, stateAt(critical, 44), 45 * min);
    expect(repeats.page?.parts).toMatchObject([{ level: 1, round: '0.3' }, { level: 2, round: '0.2' }, { level: 3, round: '1.0', reason: 'early' }]);
    expect(nextPage(critical, state, 45 * min)?.at).toBeGreaterThan(45 * min);
  });

  it('does not go one level further when the next is due anyway', () => {
    const { page, state } = escalate(critical, stateAt(critical, 14), 15 * min);
    expect(page?.parts.map(({ level, reason }) => [level, reason])).toEqual([[1, 'repeat'], [2, 'due']]);
    expect(pagedLevels(state)).toEqual([1, 2]);
  });

  it.each([0, 4, -1, 1.5, Number.NaN])('takes level %s, which there is not, as none chosen', (level) => {
    expect(escalate(critical, stateAt(critical, 1), min, level).page?.parts.map((part) => part.level)).toEqual([2]);
  });

  it('during a hold or a snooze pages at once and loses nothing of what is kept back', () => {
    const early = at(20, (state, now) => escalate(high, state, now, 1));
    const before = ['0 1:Primary', '5 1:Secondary', '20 1:Primary,Secondary'];
    const held = [at(10, (state, now) => hold(state, 'watching', now)), early, at(32, (state, now) => release(high, state, now))];
    expect(story(high, { until: 34, events: held })).toEqual([...before, '32 late 2:Senior Backend Engineer']);
    const snoozed = [at(10, (state) => snooze(high, state, 33 * min)), early];
    expect(story(high, { until: 34, events: snoozed })).toEqual([...before, '33 late 2:Senior Backend Engineer']);
  });
});

describe('an acknowledgement', () => {
  it('given before the first page spares the secondary, not the primary', () => {
    expect(story(high, { until: 29, events: [at(0, (state, now) => acknowledge(high, state, alice, now))] })).toEqual(['0 1:Primary']);
  });

  it('stops the last resort; after its lapse the last resort is counted anew', () => {
    const lines = story(critical, { until: 225, events: [at(125, (state, now) => acknowledge(critical, state, alice, now))] });
    expect(lines.slice(-7)).toEqual([
      '90 LR:Escalation contact,24/7 Hotline',
      '120 LR:Escalation contact,24/7 Hotline',
      ...[155, 170, 185, 200].map((minute) => `${minute} 3:CTO`),
      '215 LR:Escalation contact,24/7 Hotline',
    ]);
  });

  it('lapses into the page of the same minute instead of paging that level twice', () => {
    const early = at(1 / 3, (state, now) => acknowledge(critical, state, alice, now));
    expect(story(critical, { until: 31, events: [early] })).toEqual(['0 1:Primary', '15 2:Engineering Manager', '30 2:Engineering Manager | 3:CTO']);
  });

  it('that lapses while nobody is there is one late page, of the level that then starts again', () => {
    const lines = story(critical, { until: 95, events: [at(3, acknowledges(critical))], outages: [{ from: 4, to: 40 }] });
    expect(lines).toEqual([
      '0 1:Primary',
      '40 late 3:CTO',
      '45 2:Engineering Manager',
      '48 3:CTO',
      '60 2:Engineering Manager',
      '63 3:CTO',
      '78 3:CTO',
      '93 LR:Escalation contact,24/7 Hotline',
    ]);
  });

  it('that is renewed in time keeps everything but the levels from paging', () => {
    const events = [3, 25, 50, 75, 100].map((minute) => at(minute, acknowledges(critical)));
    expect(story(critical, { until: 129, events })).toEqual(['0 1:Primary', '15 2:Engineering Manager', '30 3:CTO', '45 3:CTO']);
  });

  it('given after an outage, before its late page, still leaves the level that is due, but no last resort', () => {
    const lines = story(critical, { until: 101, events: [at(99, acknowledges(critical))], outages: [{ from: 1, to: 100 }] });
    expect(lines).toEqual(['0 1:Primary', '100 late 3:CTO']);
  });

  it('given before the page of a lapse takes that page back', () => {
    const medium = policyOf('Medium', [[60, 'Backend Engineer']]);
    const events = [
      at(3, acknowledges(medium)),
      at(20, (state, now) => hold(state, 'watching', now)),
      at(40, (state, now) => release(medium, state, now)),
      at(40, acknowledges(medium)),
    ];
    expect(release(medium, stateAt(medium, 39, events.slice(0, 2)), 40 * min).acknowledgement).toBeUndefined();
    expect(story(medium, { until: 61, events })).toEqual(['0 1:Primary', '60 2:Backend Engineer']);
  });

  it('that lapsed during a hold starts its own level again, not the one that a failure paged since', () => {
    const medium = policyOf('Medium', [[60, 'Backend Engineer']]);
    const events = [
      at(3, acknowledges(medium)),
      at(20, (state, now) => hold(state, 'watching', now)),
      at(40, (state, now) => escalate(medium, state, now)),
      at(50, (state, now) => release(medium, state, now)),
    ];
    expect(story(medium, { until: 71, events })).toEqual([
      '0 1:Primary', '40 2:Backend Engineer', '50 late 1:Primary,Secondary', '55 2:Backend Engineer', '63 1:Primary,Secondary', '70 2:Backend Engineer',
    ]);
  });

  it('is put on record once it lapsed, and not before', () => {
    const state = acknowledge(critical, stateAt(critical, 3), alice, 3 * min);
    expect(lapseAcknowledgement(critical, state, 33 * min - 1)).toBe(state);
    expect(lapseAcknowledgement(critical, state, 33 * min).acknowledgement).toBeUndefined();
  });
});

describe('level 1 after a lapse', () => {
  it('is paged with its secondary at once, and its contact 5 minutes later', () => {
    const alone = policyOf('High', [], ['Security Team']);
    expect(story(alone, { until: 94, events: [at(3, acknowledges(alone))] })).toEqual([
      '0 1:Primary,Security Team',
      '33 1:Primary,Secondary,Security Team',
      '38 1:Escalation contact',
      ...[48, 63, 78].map((minute) => `${minute} 1:Primary,Secondary,Escalation contact,Security Team`),
      '93 LR:Escalation contact,24/7 Hotline',
    ]);
  });
});

describe('a hold', () => {
  it('pages nothing at its end if nothing fell due', () => {
    const events = [at(6, (state, now) => hold(state, 'watching', now)), at(9, (state, now) => release(critical, state, now))];
    expect(story(critical, { until: 11, events })).toEqual(['0 1:Primary', '5 1:Secondary', '10 1:Escalation contact']);
  });

  it('of seconds ends like any other', () => {
    const held = release(critical, hold(stateAt(critical, 14), 'watching', 14.9 * min), 15.1 * min);
    expect(nextPage(critical, held, 15.1 * min)?.page).toMatchObject({ dueAt: 15.1 * min, late: true, parts: [{ level: 2, reason: 'hold ended' }] });
  });

  it('of a day ends with one page, of the last resort', () => {
    const events = [at(6, (state, now) => hold(state, 'mitigated', now)), at(1_446, (state, now) => release(critical, state, now))];
    expect(story(critical, { until: 1_475, events })).toEqual([
      '0 1:Primary', '5 1:Secondary', '1446 late LR:Escalation contact,24/7 Hotline', '1470 LR:Escalation contact,24/7 Hotline',
    ]);
  });

  it('says why it pages, and who is on call at its end is asked', () => {
    const held = hold(stateAt(critical, 9), 'watching', 9 * min);
    expect(nextPage(critical, held, 20 * min)).toBeUndefined();
    expect(nextWake(critical, held)).toBeUndefined();
    const page = nextPage(critical, release(critical, held, 20 * min), 20 * min)?.page;
    expect(page).toEqual({ dueAt: 20 * min, late: true, parts: [{ level: 2, round: '0.0', roles: ['Engineering Manager'], reason: 'hold ended' }] });
  });
});

describe('closed and reopened', () => {
  it('pages nothing once closed, whatever is asked of it', () => {
    const closed = close(stateAt(critical, 6));
    for (const state of [closed, release(critical, closed, 99 * min), hold(closed, 'watching', 99 * min), acknowledge(critical, closed, alice, 7 * min)]) {
      expect(nextPage(critical, state, 500 * min)).toBeUndefined();
      expect(nextWake(critical, state)).toBeUndefined();
      expect(escalate(critical, state, 8 * min).page).toBeUndefined();
    }
  });

  it('starts with level 1 at a new time zero, under new rounds', () => {
    const reopened = restart(critical, close(stateAt(critical, 31)), 50 * min);
    expect(pagedLevels(reopened)).toEqual([]);
    expect(nextPage(critical, reopened, 50 * min)).toEqual({
      at: 50 * min,
      label: 'Primary, due 0 min',
      page: { dueAt: 50 * min, late: false, parts: [{ level: 1, round: '1.0', roles: ['Primary'], reason: 'due' }] },
    });
  });
});

describe('one due moment', () => {
  it('takes levels of the same minute together, a role in the highest only', () => {
    const policy = policyOf('Critical', [[0, 'CTO'], [0, 'Infrastructure Team'], [15, 'Primary']], ['Infrastructure Team']);
    expect(story(policy, { until: 15 }).filter((line) => /^(0|15) /.test(line))).toEqual([
      '0 1:Primary | 2:CTO | 3:Infrastructure Team',
      '15 1:Secondary,Escalation contact | 2:CTO | 3:Infrastructure Team | 4:Primary',
    ]);
  });

  it.each([1 / 60, 1 / 45, 1 / 7, 0.022_233, 0.9999])('holds together when a drill scales times by %s and rounds them', (factor) => {
    const policy = { ...critical, times: scaled(standardTimes, factor) };
    const { sent } = walk({ policy, until: 240 * policy.times.minute + 5 });
    const minutes = sent.map(({ page }) => [Math.round(page.dueAt / policy.times.minute), page.parts.map(({ level }) => level)]);
    expect(minutes.slice(3, 5)).toEqual([[15, [1, 2]], [30, [1, 2, 3]]]);
    expect(sent.some(({ page }) => page.late)).toBe(false);
  });

  it('is marked late past the limit, and goes out whole up to it', () => {
    const state = stateAt(critical, 14);
    expect(nextPage(critical, state, 15 * min + standardTimes.lateAfter)?.page).toMatchObject({ late: false, dueAt: 15 * min, parts: [{ level: 1 }, { level: 2 }] });
    expect(nextPage(critical, state, 15 * min + standardTimes.lateAfter + 1)?.page).toMatchObject({ late: true, dueAt: 15 * min, parts: [{ level: 2 }] });
  });

  it('that took long to send takes no later moment along', () => {
    const state = stateAt(critical, 4);
    const due = nextPage(critical, state, 5 * min);
    expect(due?.page.parts[0]?.roles).toEqual(['Secondary']);
    const sent = due && pagedNow(critical, state, due.page, 12 * min);
    expect(sent && nextPage(critical, sent, 10 * min)?.page.parts).toMatchObject([{ level: 1, roles: ['Escalation contact'] }]);
  });
});

describe('a lapse within the minute after another moment', () => {
  it('goes out with it, once', () => {
    const events = [
      at(10 / 3, acknowledges(high)),
      at(10, (state, now) => escalate(high, state, now)),
      at(18, (state, now) => escalate(high, state, now, 1)),
    ];
    const state = stateAt(high, 32, events);
    const now = 33 * min + 25_000;
    const due = nextPage(high, state, now);
    expect(due?.page).toMatchObject({ dueAt: 33 * min, late: false, parts: [{ level: 1, round: '1.1' }, { level: 2, round: '2.0' }] });
    const paged = due && pagedNow(high, state, due.page, now);
    expect(paged && nextPage(high, paged, now)?.page).toMatchObject({ dueAt: 48 * min, parts: [{ level: 1, round: '1.2' }, { level: 2, round: '2.1' }] });
  });
});

describe('names for people', () => {
  it.each([
    [critical, 0, 'Secondary, due 5 min'],
    [critical, 5, 'Escalation contact, due 10 min'],
    [critical, 10, 'Level 1 round 1 + Level 2 Engineering Manager, due 15 min'],
    [high, 29, 'Level 1 round 2 + Level 2 Senior Backend Engineer, due 30 min'],
    [policyOf('Medium', [[60, 'Backend Engineer']]), 29, 'Level 1 round 2, due 30 min'],
    [policyOf('Medium', [[60, 'Backend Engineer']]), 59, 'Level 2 Backend Engineer, due 60 min'],
    [critical, 89, 'Last resort, due 90 min'],
  ])('of the timer after minute %#', (policy, minute, label) => {
    const state = stateAt(policy, minute);
    expect(nextPage(policy, state, minute * min)?.label).toBe(label);
    expect(nextWake(policy, state)?.label).toBe(label);
  });

  it('of a snooze that keeps a level back, and of one that does not', () => {
    const state = stateAt(critical, 14);
    expect(nextWake(critical, snooze(critical, state, 20 * min))).toEqual({ at: 20 * min, label: 'Snooze ends, due 20 min' });
    expect(nextPage(critical, snooze(critical, state, 20 * min), 16 * min)).toBeUndefined();
    expect(nextWake(critical, snooze(critical, state, 14.5 * min))?.at).toBe(15 * min);
  });

  it('of what was paged so far', () => {
    expect([highestPaged(openLadder(critical, 0)), pagedLevels(openLadder(critical, 0))]).toEqual([undefined, []]);
    expect([highestPaged(stateAt(critical, 20)), lastResortBegan(stateAt(critical, 20))]).toEqual([2, false]);
    expect([highestPaged(stateAt(critical, 90)), pagedLevels(stateAt(critical, 90))]).toEqual(['last resort', [1, 2, 3, 'last resort']]);
  });
});
