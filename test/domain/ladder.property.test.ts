import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  acknowledge,
  close,
  escalate,
  hold,
  type Hold,
  type LadderPolicy,
  type LadderState,
  type LevelName,
  nextPage,
  nextWake,
  pagedLevels,
  release,
  restart,
  snooze,
} from '../../src/domain/ladder.js';
import { roles } from '../../src/domain/runbook.js';
import { severities } from '../../src/domain/severity.js';
import { standardTimes } from '../../src/domain/times.js';
import { allRolesOf, type Happening, type Sent, walk } from './ladder-walk.js';

const min = standardTimes.minute;
const end = 6 * 60 * min;
const runs = { numRuns: 500 };

const role = fc.constantFrom(...roles);

const policies: fc.Arbitrary<LadderPolicy> = fc.record({
  severity: fc.constantFrom(...severities),
  times: fc.constant(standardTimes),
  ladder: fc.record({
    besides: fc.uniqueArray(role, { maxLength: 2 }),
    told: fc.constant([]),
    levels: fc
      .array(fc.record({ afterMinutes: fc.oneof(fc.constantFrom(0, 15, 30, 60), fc.integer({ min: 0, max: 120 })), role }), { maxLength: 4 })
      .map((levels) => levels.toSorted((a, b) => a.afterMinutes - b.afterMinutes)),
  }),
});

/** Whole minutes meet due moments exactly, seconds fall just beside them. */
const moments = fc.oneof(
  fc.integer({ min: 0, max: 300 }).map((minutes) => minutes * min),
  fc.integer({ min: 0, max: 300 * 60 }).map((seconds) => seconds * 1_000 + 7),
);

type Command =
  | { kind: 'acknowledge' | 'release' | 'close' | 'reopen' | 'run fails' }
  | { kind: 'escalate'; level: number }
  | { kind: 'snooze'; minutes: number }
  | { kind: 'hold'; hold: Exclude<Hold, 'closed'> };

const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<Command>({ kind: 'acknowledge' }, { kind: 'run fails' }, { kind: 'release' }) },
  { weight: 1, arbitrary: fc.constantFrom<Command>({ kind: 'close' }, { kind: 'reopen' }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 5 }).map((level): Command => ({ kind: 'escalate', level })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 60 }).map((minutes): Command => ({ kind: 'snooze', minutes })) },
  { weight: 2, arbitrary: fc.constantFrom('attached', 'watching', 'mitigated').map((kind): Command => ({ kind: 'hold', hold: kind as 'watching' })) },
);

const lives = fc.record({
  policy: policies,
  events: fc.array(fc.record({ at: moments, command: commands }), { maxLength: 14 }),
  outages: fc.array(fc.record({ from: moments, minutes: fc.integer({ min: 1, max: 90 }) }), { maxLength: 3 }),
});

function carriedOut(policy: LadderPolicy, command: Command): Happening {
  return (state, now) => {
    const mine = () => acknowledge(policy, state, { kind: 'person', person: 'alice', via: 'cli' }, now);
    switch (command.kind) {
      case 'acknowledge':
        return mine();
      case 'run fails':
        return escalate(policy, state, now);
      case 'escalate':
        return escalate(policy, mine(), now, command.level);
      case 'snooze':
        return snooze(policy, mine(), now + command.minutes * min);
      case 'hold':
        return hold(state, command.hold, now);
      case 'release':
        return release(policy, state, now);
      case 'close':
        return close(state);
      case 'reopen':
        return restart(policy, state, now);
    }
  };
}

interface Step {
  policy: LadderPolicy;
  before: LadderState;
  after: LadderState;
  now: number;
  sent?: Sent;
}

/** Lives through random incidents; `check` sees every change, `atTheEnd` all that was sent. */
function everyLife(check: (step: Step) => void, atTheEnd: (sent: Sent[], policy: LadderPolicy) => void = () => undefined): void {
  fc.assert(
    fc.property(lives, ({ policy, events, outages }) => {
      const { sent } = walk({
        policy,
        until: end,
        events: events.map(({ at, command }) => ({ at, happens: carriedOut(policy, command) })),
        outages: outages.map(({ from, minutes }) => ({ from, to: from + minutes * min })),
        seen: (step) => check({ policy, ...step }),
      });
      atTheEnd(sent, policy);
    }),
    runs,
  );
}

const rank = (level: LevelName): number => (level === 'last resort' ? 99 : level);
const waits = (state: LadderState, now: number): boolean => Boolean(state.closed ?? state.hold) || (state.snoozedUntil ?? 0) > now;
/** Level n's own due time, from the policy alone. */
const dueTimes = ({ ladder }: LadderPolicy, { zeroAt }: LadderState): number[] =>
  [0, ...ladder.levels.map((level) => level.afterMinutes)].map((minutes) => zeroAt + minutes * min);

describe('whatever happens to an incident, its ladder', () => {
  it('skips no level and keeps their order: lower ones only count as paged after an outage, a hold or an escalation', () => {
    everyLife(({ policy, before, after, sent }) => {
      const paged = pagedLevels(after);
      const whole = [...dueTimes(policy, after).map((_, i): LevelName => i + 1), 'last resort'];
      expect(paged).toEqual(whole.slice(0, paged.length));
      if (after.zeroAt !== before.zeroAt || after.cycle < before.cycle) return;
      for (const level of paged.filter((one) => !pagedLevels(before).includes(one))) {
        const part = sent?.page.parts.find((one) => one.level === level);
        const higher = sent?.page.parts.some((one) => rank(one.level) > rank(level));
        // A level whose roles are all asked by a higher one has no part of its own.
        const above = policy.ladder.levels.slice(rank(level) - 2, rank(level) - 1);
        const first = level === 1 ? ['Primary' as const, ...policy.ladder.besides] : above.map((one) => one.role);
        const askedAbove = sent && first.length > 0 && first.every((one) => allRolesOf(sent.page).includes(one));
        const mayCount = sent?.page.late || sent?.byTime === false || askedAbove;
        expect(part !== undefined || (higher && mayCount), `level ${level} at ${sent?.at}`).toBeTruthy();
      }
    });
  });

  it('has paged every level whose time has come, as soon as somebody wakes up', () => {
    everyLife(({ policy, after, now }) => {
      const next = nextPage(policy, after, now);
      if (waits(after, now) || (next && next.at <= now)) return;
      const due = dueTimes(policy, after).filter((at) => at <= now).length;
      expect(pagedLevels(after).length).toBeGreaterThanOrEqual(due);
    });
  });

  it('pages nothing once closed, and by itself nothing while held or snoozed', () => {
    everyLife(({ policy, before, after, now, sent }) => {
      if (before.closed) expect(sent).toBeUndefined();
      if (sent?.byTime) expect(waits(before, now)).toBe(false);
      if (after.closed) expect([nextPage(policy, after, now), nextWake(policy, after)]).toEqual([undefined, undefined]);
    });
  });

  it('pages a role once in a due moment, levels in order, and after an outage or a hold one level only', () => {
    everyLife(({ before, sent }) => {
      if (!sent) return;
      const { parts, late, dueAt } = sent.page;
      expect(new Set(allRolesOf(sent.page)).size).toBe(allRolesOf(sent.page).length);
      expect(parts.map(({ level }) => rank(level))).toEqual([...new Set(parts.map(({ level }) => rank(level)))].toSorted((a, b) => a - b));
      expect(parts.every((part) => part.roles.length > 0)).toBe(true);
      expect(dueAt).toBeLessThanOrEqual(sent.at);
      if (sent.byTime) expect(parts.length === 1 || !late).toBe(true);
      if (!late) expect(sent.at - dueAt).toBeLessThanOrEqual(standardTimes.lateAfter);
      expect(before.zeroAt).toBeLessThanOrEqual(dueAt);
    });
  });

  it('never gives two pages the same level and round', () => {
    everyLife(
      () => undefined,
      (sent) => {
        const keys = sent.flatMap(({ page }) => page.parts.map(({ level, round }) => `${level}/${round}`));
        expect(keys.filter((key, i) => keys.indexOf(key) !== i)).toEqual([]);
      },
    );
  });

  it('always has a next page while it is open and does not wait: the next level in its time, else within the hour', () => {
    everyLife(({ policy, after, now, sent }) => {
      const next = nextPage(policy, after, now);
      if (waits(after, now)) return expect(next).toBeUndefined();
      const unpaged = dueTimes(policy, after)[pagedLevels(after).filter((level) => level !== 'last resort').length];
      const latest = unpaged === undefined ? now + standardTimes.lastResortAfter : Math.max(now, unpaged);
      expect(next?.at).toBeLessThanOrEqual(latest);
      expect(nextWake(policy, after)?.at).toBeLessThanOrEqual(latest);
      // A page that went out is not due again.
      if (sent) expect(next?.at).toBeGreaterThan(now);
    });
  });

  it('leaves the repeats of an acknowledged level alone until the lapse', () => {
    everyLife(({ before, now, sent }) => {
      const { acknowledgement, levels } = before;
      if (!sent?.byTime || !acknowledgement || acknowledgement.lapsesAt <= now) return;
      for (const { level } of sent.page.parts) {
        const repeated = typeof level === 'number' ? levels[level - 1] : undefined;
        if (repeated?.pagedThrough !== undefined) expect(repeated.acknowledged).toBe(false);
      }
    });
  });
});

describe('lateness', () => {
  it('never adds up: small delays of every page move no due time', () => {
    fc.assert(
      fc.property(policies, fc.array(fc.integer({ min: 0, max: standardTimes.lateAfter }), { minLength: 1 }), (policy, delays) => {
        const dueAts = (delay: (n: number) => number) => walk({ policy, until: end, delay }).sent.map(({ page }) => page);
        const onTime = dueAts(() => 0);
        const delayed = dueAts((n) => delays[n % delays.length] ?? 0);
        expect(delayed).toEqual(onTime.slice(0, delayed.length));
        expect(onTime.length - delayed.length).toBeLessThanOrEqual(1);
      }),
      runs,
    );
  });

  it('of an outage is over with one page: what follows is what an undisturbed ladder pages', () => {
    fc.assert(
      fc.property(policies, moments, fc.integer({ min: 1, max: 240 }), (policy, from, minutes) => {
        const back = from + minutes * min;
        const disturbed = walk({ policy, until: end + min, outages: [{ from, to: back }] }).sent;
        const undisturbed = walk({ policy, until: end + min }).sent;
        expect(disturbed.filter(({ at }) => at > back)).toEqual(undisturbed.filter(({ at }) => at > back));
        expect(disturbed.filter(({ at }) => at >= from && at <= back).length).toBeLessThanOrEqual(1);
      }),
      runs,
    );
  });
});

it('the last resort repeats every 30 min for as long as nobody answers', () => {
  const ladder = { besides: [], told: [], levels: [{ afterMinutes: 15, role: 'CTO' as const }] };
  const policy: LadderPolicy = { severity: 'Critical', ladder, times: standardTimes };
  const days = 30 * 24 * 60 * min;
  const { sent } = walk({ policy, until: days });
  const lastResort = sent.filter(({ page }) => page.parts.some(({ level }) => level === 'last resort'));
  const every30 = Array.from({ length: Math.floor((days - 75 * min) / (30 * min)) + 1 }, (_, k) => 75 * min + k * 30 * min);
  expect(lastResort.map(({ at }) => at)).toEqual(every30);
});
