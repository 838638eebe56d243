import { describe, expect, it } from 'vitest';
import { fitsEverything, readMatcher, silenceFor } from '../../src/alerts/silencing.js';
import type { Alert } from '../../src/domain/alert.js';
import { due, expire, forget, type HeldMessage, longestSilence, nextMoment, noSilences, paged, type Silence, type SilenceBook, take, viewsOf, whyNotAdded } from '../../src/domain/silence.js';

const hour = 3_600_000;
const matchers = [readMatcher('target=app-1:/')];
const window: Silence = { id: 'one', matchers, startsAt: hour, endsAt: 2 * hour, reason: 'upgrade', author: 'alice', createdAt: 0 };
const book: SilenceBook = { ...noSilences, silences: [window] };

function message(more: Partial<Alert> = {}): HeldMessage {
  const alert: Alert = {
    source: 'test', status: 'firing', runbook: 'diskSpaceCritical', target: 'app-1:/', targetIsClear: true, severity: 'Critical', title: 'Disk full', description: '', labels: {}, acceptedAt: hour, ...more,
  };
  return { silence: 'one', alert, place: { name: 'app-1:/', environment: 'production', host: 'app-1', hosts: ['app-1'] }, ladder: { besides: [], told: [], levels: [] } };
}

describe('matchers, in the words of Alertmanager', () => {
  it.each([
    ['alertname=DiskFull', { alertname: 'DiskFull' }, true],
    ['alertname = "Disk full"', { alertname: 'Disk full' }, true],
    ['alertname=DiskFull', {}, false],
    ['severity!=critical', {}, true],
    ['severity!=critical', { severity: 'critical' }, false],
    ['host=~"app-[0-9]+"', { host: 'app-12' }, true],
    ['host=~app-1', { host: 'app-12' }, false], // anchored
    ['host!~app-.*', { host: 'db-1' }, true],
    ['host=~', {}, true],
    ['a=~"(x+x+)+y"', { a: 'x'.repeat(1_000) }, false], // would never end with a backtracking engine
  ])('%s against %j: %s', (text, labels: Record<string, string>, fits) => {
    expect(silenceFor([{ ...window, matchers: [readMatcher(text)] }], labels, hour) !== undefined).toBe(fits);
  });

  it.each(['', 'alertname', '=x', 'a b=c', 'a=~(', 'a=~(?=x)y', String.raw`a=~(x)\1`])('refuses %j', (text) => {
    expect(() => readMatcher(text)).toThrow();
  });

  it('knows a silence that would hold nearly everything', () => {
    expect(fitsEverything([readMatcher('a!=b'), readMatcher('c=~.*')])).toBe(true);
    expect(fitsEverything([readMatcher('a!=b'), readMatcher('c=~.+')])).toBe(false);
  });
});

describe('a silence', () => {
  it.each([
    [hour - 1, 'pending', false],
    [hour, 'active', true],
    [2 * hour - 1, 'active', true],
    [2 * hour, 'expired', false],
  ])('at %i is %s', (now, state, holds) => {
    expect(viewsOf(book, now)[0]?.state).toBe(state);
    expect(silenceFor(book.silences, { target: 'app-1:/' }, now) !== undefined).toBe(holds);
  });

  it.each([
    [{ matchers: [] }, 'a silence needs a matcher'],
    [{ endsAt: hour / 2 }, 'the silence would be over already'],
    [{ startsAt: 3 * hour }, 'a silence must end after it starts'],
    [{ endsAt: hour + longestSilence + 1 }, 'a silence lasts 31 days at most'],
    [{}, undefined],
  ])('with %j: %s', (more, why) => {
    expect(whyNotAdded(noSilences, { ...window, ...more }, hour * 0.6)).toBe(why);
  });

  it('that expired early is not brought back by the same action, and is forgotten a week after its planned end', () => {
    const ended = expire(book, 'one', 'bob', 1.5 * hour);
    expect(viewsOf(ended, 1.6 * hour)[0]).toMatchObject({ state: 'expired', expired: { at: 1.5 * hour, by: 'bob' } });
    expect(expire(ended, 'one', 'carol', 1.7 * hour)).toEqual(ended);
    expect(nextMoment(ended, 1.6 * hour)).toBe(2 * hour + 7 * 24 * hour);
    expect(forget(ended, 2 * hour + 7 * 24 * hour - 1).silences).toHaveLength(1);
    expect(forget(ended, 2 * hour + 7 * 24 * hour)).toEqual(noSilences);
  });
});

describe('what a silence holds', () => {
  it('is one entry for each fingerprint, with the latest alert, and pages once when the silence is over', () => {
    const held = take(take(book, message(), hour) ?? book, message({ title: 'Still full' }), hour + 1) ?? book;
    expect(held.held).toMatchObject([{ became: 'held', count: 2, firstAt: hour, lastAt: hour + 1, title: 'Still full' }]);
    expect(due(held, 2 * hour - 1)).toEqual([]);
    const [one] = due(held, 2 * hour);
    expect(one?.message?.alert.title).toBe('Still full');
    const after = one ? paged(held, one, 'incident') : held;
    expect(due(after, 3 * hour)).toEqual([]);
    expect(viewsOf(after, 3 * hour)[0]?.held).toMatchObject([{ became: 'paged', incidentId: 'incident' }]);
  });

  it('does not page if its monitor said resolved meanwhile, and does if it fires again', () => {
    const resolved = take(take(book, message(), hour) ?? book, message({ status: 'resolved' }), hour + 1) ?? book;
    expect(due(resolved, 2 * hour)).toEqual([]);
    expect(resolved.held).toMatchObject([{ became: 'resolved' }]);
    expect(due(take(resolved, message(), hour + 2) ?? book, 2 * hour)).toHaveLength(1);
  });

  it('pages again what came while it was being paged, and what names a silence that is not there', () => {
    const held = take(book, message(), hour) ?? book;
    const [one] = due(held, 2 * hour);
    const newer = take(held, message(), 2 * hour) ?? book;
    expect(one && due(paged(newer, one, null), 2 * hour)).toHaveLength(1);
    expect(due(take(noSilences, message(), hour) ?? book, hour)).toHaveLength(1);
  });

  it('has its bounds: an alert too many is not held', () => {
    let full: SilenceBook | undefined = book;
    for (let n = 0; n < 100 && full; n += 1) full = take(full, message({ target: `app-${n}:/` }), hour);
    expect(full && take(full, message({ target: 'one-more:/' }), hour)).toBeUndefined();
    expect(full && take(full, message({ target: 'app-7:/' }), hour)).toBeDefined();
  });
});
