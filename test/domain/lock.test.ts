import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bar, give, letIn, type LockAnswer, type LockRequest, type LockState, noLocks, take } from '../../src/domain/lock.js';

const minute = 60_000;

function request(holder: string, resources: string[], more: Partial<LockRequest> = {}): LockRequest {
  return { holder, incidentId: `incident of ${holder}`, resources, lease: 5 * minute, ...more };
}

/** A table of locks with a clock, to tell a story in. */
function story() {
  let state: LockState = noLocks;
  return {
    ask(at: number, holder: string, resources: string[], more: Partial<LockRequest> = {}): LockAnswer {
      const taken = take(state, request(holder, resources, more), at);
      state = taken.state;
      return taken.answer;
    },
    give: (holder: string) => void (state = give(state, holder)),
    bar: (incidentId: string, because: string) => void (state = bar(state, incidentId, because)),
    letIn: (incidentId: string) => void (state = letIn(state, incidentId)),
  };
}

const granted: LockAnswer = { kind: 'granted' };

describe('locks', () => {
  it('give all of the resources or none', () => {
    const locks = story();
    expect(locks.ask(0, 'a', ['db'])).toEqual(granted);
    expect(locks.ask(0, 'b', ['cache', 'db'])).toEqual({ kind: 'wait', behind: 'a' });
    locks.give('b');
    expect(locks.ask(0, 'c', ['cache'])).toEqual(granted); // b got nothing of it
  });

  it('let nobody pass an earlier request for any of the same resources', () => {
    const locks = story();
    locks.ask(0, 'a', ['db']);
    expect(locks.ask(1, 'b', ['cache', 'db'])).toEqual({ kind: 'wait', behind: 'a' });
    expect(locks.ask(2, 'c', ['cache'])).toEqual({ kind: 'wait', behind: 'b' });
    expect(locks.ask(2, 'd', ['disk'])).toEqual(granted);
    locks.give('a');
    expect(locks.ask(3, 'c', ['cache'])).toEqual({ kind: 'wait', behind: 'b' });
    expect(locks.ask(4, 'b', ['cache', 'db'])).toEqual(granted);
  });

  it('keep a place in the queue only for those who go on asking', () => {
    const locks = story();
    locks.ask(0, 'a', ['db']);
    locks.ask(0, 'b', ['db']);
    locks.ask(minute / 2, 'c', ['db']);
    locks.give('a');
    expect(locks.ask(minute, 'c', ['db'])).toEqual(granted); // b was not heard of for a minute
  });

  it('answer a repeated request alike, though others wait by then, and begin its lease anew', () => {
    const locks = story();
    expect(locks.ask(0, 'a', ['db'])).toEqual(granted);
    locks.ask(1, 'b', ['db']);
    expect(locks.ask(4 * minute, 'a', ['db'])).toEqual(granted);
    expect(locks.ask(6 * minute, 'b', ['db'])).toEqual({ kind: 'wait', behind: 'a' });
  });

  it('free themselves when the lease is over', () => {
    const locks = story();
    locks.ask(0, 'a', ['db']);
    expect(locks.ask(5 * minute - 1, 'b', ['db'])).toEqual({ kind: 'wait', behind: 'a' });
    expect(locks.ask(5 * minute, 'b', ['db'])).toEqual(granted);
  });

  it('give nothing to a closed incident until it is let in again, and free what others wait for', () => {
    const locks = story();
    locks.bar('incident of a', 'its incident was closed');
    expect(locks.ask(0, 'a', ['db'])).toEqual({ kind: 'barred', because: 'its incident was closed' });
    expect(locks.ask(0, 'b', ['db'])).toEqual(granted);
    locks.give('b');
    locks.letIn('incident of a');
    expect(locks.ask(0, 'a', ['db'])).toEqual(granted);
  });
});

describe('a budget', () => {
  const once = { key: 'restart:db', window: 30 * minute };

  it.each([
    { name: 'a second restart by itself within the window is refused', approved: [false, false], at: [0, 29], answers: ['granted', 'limit'] },
    { name: 'after the window it is free again', approved: [false, false], at: [0, 30], answers: ['granted', 'granted'] },
    { name: 'an approved one exceeds it once', approved: [false, true, true], at: [0, 1, 2], answers: ['granted', 'granted', 'limit'] },
    { name: 'an approved one counts for the next by itself', approved: [true, false], at: [0, 1], answers: ['granted', 'limit'] },
  ])('$name', ({ approved, at, answers }) => {
    const locks = story();
    const got = approved.map((yes, i) => {
      const answer = locks.ask((at[i] ?? 0) * minute, `h${i}`, ['db'], { budget: { ...once, approved: yes } });
      locks.give(`h${i}`);
      return answer.kind;
    });
    expect(got).toEqual(answers);
  });

  it('says when it was used, and does not count the same holder twice', () => {
    const locks = story();
    const by = (holder: string, at: number): LockAnswer => locks.ask(at, holder, ['db'], { budget: { ...once, approved: false } });
    expect(by('a', 7)).toEqual(granted);
    expect(by('a', 8)).toEqual(granted);
    locks.give('a');
    expect(by('b', 9)).toEqual({ kind: 'limit', usedAt: 7 });
  });

  it('is not used up by waiting', () => {
    const locks = story();
    locks.ask(0, 'a', ['db']);
    expect(locks.ask(0, 'b', ['db'], { budget: { ...once, approved: false } }).kind).toBe('wait');
    locks.give('b');
    locks.give('a');
    expect(locks.ask(1, 'c', ['db'], { budget: { ...once, approved: false } })).toEqual(granted);
  });
});

describe('any story of locks', () => {
  const names = ['a', 'b', 'c', 'd'];
  const resources = ['w', 'x', 'y', 'z'];
  const event = fc.record({
    what: fc.constantFrom('ask' as const, 'ask' as const, 'ask' as const, 'give' as const),
    who: fc.constantFrom(...names),
    after: fc.integer({ min: 0, max: 90_000 }),
  });
  const wants = fc.tuple(...names.map(() => fc.uniqueArray(fc.constantFrom(...resources), { minLength: 1 })));

  it('never has two holders of one resource, and grants nobody before an earlier one who still asks', () => {
    fc.assert(
      fc.property(wants, fc.array(event, { maxLength: 60 }), (lists, events) => {
        const listOf = (who: string): string[] => lists[names.indexOf(who)] ?? [];
        let state: LockState = noLocks;
        let now = 0;
        const holds = new Map<string, number>(); // by our own count: until when
        const queue: { who: string; askedAt: number }[] = [];
        for (const { what, who, after } of events) {
          now += after;
          if (what === 'give') {
            state = give(state, who);
            holds.delete(who);
            remove(queue, who);
            continue;
          }
          const { state: next, answer } = take(state, request(who, listOf(who)), now);
          state = next;
          const shares = (other: string): boolean => other !== who && listOf(other).some((r) => listOf(who).includes(r));
          const rivals = names.filter((other) => shares(other) && (holds.get(other) ?? 0) > now);
          const before = queue.slice(0, place(queue, who)).filter((w) => shares(w.who) && w.askedAt + minute > now);
          const mine = (holds.get(who) ?? 0) > now;
          expect(answer.kind).toBe(rivals.length === 0 && (mine || before.length === 0) ? 'granted' : 'wait');
          const waits = queue.find((w) => w.who === who);
          if (answer.kind === 'granted') {
            holds.set(who, now + 5 * minute);
            remove(queue, who);
          } else if (waits) waits.askedAt = now;
          else queue.push({ who, askedAt: now });
          queue.splice(0, queue.length, ...queue.filter((w) => w.askedAt + minute > now));
        }
      }),
      { numRuns: 300 },
    );
  });
});

function place(queue: { who: string }[], who: string): number {
  const index = queue.findIndex((w) => w.who === who);
  return index === -1 ? queue.length : index;
}

function remove(queue: { who: string }[], who: string): void {
  const index = queue.findIndex((w) => w.who === who);
  if (index !== -1) queue.splice(index, 1);
}
