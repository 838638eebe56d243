import { afterEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/config.js';
import type { IncidentView } from '../../src/domain/incident.js';
import { ApiError } from '../../src/http/errors.js';
import type { Incidents } from '../../src/http/incidents.js';
import { linkSigner } from '../../src/links/signed-links.js';
import type { LinkGrant } from '../../src/links/signed-links.js';
import { incidentView } from '../support/incident-view.js';
import { remembering, served } from './world.js';

const key = 'c3'.repeat(32);
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

const ask: IncidentView['asks'][number] = {
  id: '1.2', step: 'Clean Failed Jobs', act: 'Flush failed jobs', command: 'php artisan queue:flush <script>', host: 'app-1', risk: 'destructive', undo: 'none', evidence: '412 failed jobs', expiresAt: null, askedAt: 1,
};

/** A server whose incident has one open question, and links of Alice for it. */
async function world({ view = {}, ...overrides }: Partial<Omit<Incidents, 'view'>> & { view?: Partial<IncidentView> | ApiError } = {}) {
  const { incidents, seen } = remembering({
    ...overrides,
    view: async () => {
      if (view instanceof ApiError) throw view;
      return { view: { ...incidentView(), state: 'open', asks: [ask], ...view }, progress: [] };
    },
  });
  const server = await served(incidents, {}, { linkKeys: [new Secret(key)] });
  open.push(server);
  const linkTo = async (grant: Partial<LinkGrant> & Pick<LinkGrant, 'action'>, validMs = 60_000) =>
    `${server.url}/links/${await linkSigner([key]).sign({ incident: incidentView().incident.id, person: 'alice', ...grant }, Date.now() + validMs)}`;
  return { ...server, seen, linkTo };
}

const opened = async (url: string, method = 'GET') => {
  const response = await fetch(url, { method });
  return { status: response.status, headers: response.headers, text: await response.text() };
};
const confirmed = async (url: string, fields: Record<string, string> = {}) => {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams({ confirm: 'yes', ...fields }), redirect: 'manual' });
  return { status: response.status, text: await response.text() };
};

describe('a link of a page', () => {
  it('changes nothing when it is opened, however often: a mail scanner does that', async () => {
    const { seen, linkTo } = await world();
    const url = await linkTo({ action: 'acknowledge' });
    for (const method of ['GET', 'HEAD', 'GET', 'OPTIONS']) await opened(url, method);
    const page = await opened(url);
    expect(page.status).toBe(200);
    expect(page.text).toContain('You act as Alice. Nothing has happened yet.');
    expect(seen.acted).toEqual([]);
  });

  it('whose answer failed is in the log with its incident, and without its address', async () => {
    const { log, linkTo } = await world({ act: async () => Promise.reject(new Error('no way')) });
    const url = await linkTo({ action: 'acknowledge' });
    expect((await confirmed(url)).status).toBe(500);
    expect(log.map((line) => JSON.parse(line) as { level: number }).filter(({ level }) => level > 30)).toMatchObject([{ msg: 'unexpected', incidentId: incidentView().incident.id, err: { message: 'no way' } }]);
    expect(log.join('')).not.toContain(new URL(url).pathname);
  });

  it('acts as its person, by way of a link, once the form is sent', async () => {
    const { seen, linkTo } = await world();
    expect(await confirmed(await linkTo({ action: 'acknowledge' }))).toMatchObject({ status: 200, text: expect.stringContaining('done') as string });
    expect(seen.acted).toMatchObject([{ reference: incidentView().incident.id, action: { kind: 'acknowledge' }, acting: { person: 'alice', via: 'link' } }]);
  });

  it('shows the exact command of a question, harmless, and gives its answer one id however often it is sent', async () => {
    const { seen, linkTo } = await world();
    const url = await linkTo({ action: 'approve', ask: '1.2' });
    const { text } = await opened(url);
    expect(text).toContain('<pre>php artisan queue:flush &lt;script&gt;</pre>');
    expect(text).toContain('destructive');
    await confirmed(url);
    await confirmed(url);
    await confirmed(await linkTo({ action: 'decline', ask: '1.2' }), { reason: 'not at night' });
    const [first, again, other] = seen.acted;
    expect(first).toMatchObject({ action: { kind: 'approve', ask: '1.2' } });
    expect(first?.acting.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(again?.acting.id).toBe(first?.acting.id);
    expect(other).toMatchObject({ action: { kind: 'decline', ask: '1.2', reason: 'not at night' } });
    expect(other?.acting.id).not.toBe(first?.acting.id);
  });

  it('answers no question twice, and says who was first', async () => {
    const { seen, linkTo } = await world({ view: { asks: [{ ...ask, answer: { answer: 'declined', by: { kind: 'person', person: 'bob', via: 'cli' }, at: 2 } }] } });
    const url = await linkTo({ action: 'approve', ask: '1.2' });
    for (const page of [await opened(url), await confirmed(url)]) expect(page).toMatchObject({ status: 409, text: expect.stringContaining('declined by bob (cli)') as string });
    expect(seen.acted).toEqual([]);
  });

  it('closes an incident with a reason alone', async () => {
    const { seen, linkTo } = await world();
    const url = await linkTo({ action: 'resolve' });
    expect((await confirmed(url)).status).toBe(400);
    expect((await confirmed(url, { reason: '  ' })).status).toBe(400);
    expect((await confirmed(url, { reason: 'cured by hand' })).status).toBe(200);
    expect(seen.acted.map(({ action }) => action)).toEqual([{ kind: 'resolve', reason: 'cured by hand' }]);
  });

  it('does nothing without the confirmation of its form, in another form, or with too long a text', async () => {
    const { seen, linkTo } = await world();
    const url = await linkTo({ action: 'resolve' });
    const post = (body: URLSearchParams | string, headers = {}) => fetch(url, { method: 'POST', body, headers }).then(({ status }) => status);
    expect(await post(new URLSearchParams({ reason: 'x' }))).toBe(400);
    expect(await post(JSON.stringify({ confirm: 'yes', reason: 'x' }), { 'content-type': 'text/plain' })).toBe(415);
    expect(await post(new URLSearchParams({ confirm: 'yes', reason: 'x'.repeat(2_001) }))).toBe(400);
    expect(await post(new URLSearchParams({ confirm: 'yes', reason: 'x'.repeat(20_000) }))).toBe(413);
    expect(seen.acted).toEqual([]);
  });

  it.each([
    ['has expired', { action: 'acknowledge' } as const, -60_000, 410, 'has expired'],
    ['is of somebody whom the config no longer has', { action: 'acknowledge', person: 'mallory' } as const, 60_000, 404, 'not known'],
    ['is of a name that every object has', { action: 'acknowledge', person: 'constructor' } as const, 60_000, 404, 'not known'],
  ])('says so when it %s, and does nothing', async (_what, grant, validMs, status, words) => {
    const { seen, linkTo } = await world();
    const url = await linkTo(grant, validMs);
    expect(await opened(url)).toMatchObject({ status, text: expect.stringContaining(words) as string });
    expect((await confirmed(url)).status).toBe(status);
    expect(seen.acted).toEqual([]);
  });

  it('says that it is over when the incident is closed', async () => {
    for (const view of [{ state: 'closed' as const }, new ApiError('closed', 'x'), new ApiError('unknown_incident', 'x')]) {
      const { seen, linkTo } = await world({ view });
      expect(await confirmed(await linkTo({ action: 'acknowledge' }))).toMatchObject({ status: 410, text: expect.stringContaining('It is over') as string });
      expect(seen.acted).toEqual([]);
    }
  });

  it('works while no worker answers: the page says less, and what is confirmed is kept', async () => {
    const { seen, linkTo } = await world({ view: new ApiError('no_worker', 'x'), act: async (_reference, action) => {
      seen.acted.push({ reference: '', action, acting: { person: '', via: 'link' } });
      return { recorded: 'queued', said: 'no worker answered within 5 s; it is recorded' };
    } });
    const url = await linkTo({ action: 'acknowledge' });
    expect((await opened(url)).text).toContain('no worker answers');
    expect(await confirmed(url)).toMatchObject({ status: 202, text: expect.stringContaining('it is recorded') as string });
  });

  it("shows the incident's refusal in its words, and an outage as one", async () => {
    for (const [code, status] of [['refused', 409], ['temporal_unreachable', 503]] as const) {
      const { linkTo } = await world({ act: async () => Promise.reject(new ApiError(code, 'question 1.2 expired at <noon>')) });
      const page = await confirmed(await linkTo({ action: 'approve', ask: '1.2' }));
      expect(page.status).toBe(status);
      expect(page.text).toContain('question 1.2 expired at &lt;noon&gt;');
    }
  });

  it('is in no log, no cache, no referrer and no frame; its page runs no script', async () => {
    const { log, linkTo, url } = await world({ act: async () => Promise.reject(new Error('broken')) });
    const link = await linkTo({ action: 'acknowledge' });
    const { headers } = await opened(link);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect((await confirmed(link)).status).toBe(500);
    const token = link.slice(`${url}/links/`.length);
    await opened(`${link}/more`);
    await opened(`${url}/links/${token.slice(0, -2)}`);
    expect(log.join('')).toContain('broken');
    expect(log.join('')).not.toContain(token.slice(0, -2));
  });
});
