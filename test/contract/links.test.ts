import { type Browser, type BrowserContext, chromium, devices, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Secret } from '../../src/config.js';
import { linkSigner } from '../../src/links/signed-links.js';
import type { LinkGrant } from '../../src/links/signed-links.js';
import { remembering, served } from '../http/world.js';
import { incidentView } from '../support/incident-view.js';
import { describeWith, onPath } from './programs.js';

const key = 'f6'.repeat(32);

/** Words of an outsider, as long and as hostile as they get. */
const evil = `<script>document.title='taken over'</script>${'x'.repeat(400)}`;

describeWith(['chromium'], 'the pages behind links, in Chromium at the size of a phone', () => {
  let browser: Browser;
  const open: { close(): Promise<unknown> }[] = [];

  beforeAll(async () => {
    // Chromium's own sandbox does not work for root, as which containers run tests.
    browser = await chromium.launch({ executablePath: onPath('chromium') ?? '', args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
  });
  afterEach(async () => {
    for (const each of open.splice(0).toReversed()) await each.close();
  });
  afterAll(async () => {
    await browser?.close();
  });

  async function phone(grant: Omit<LinkGrant, 'incident' | 'person'>, { scripts = true } = {}) {
    const [ask] = incidentView().asks;
    const asks = ask ? [{ ...ask, command: `php artisan queue:flush ${evil}`, evidence: evil }] : [];
    for (const each of asks) delete each.answer;
    const { incidents, seen } = remembering({ view: async () => ({ view: { ...incidentView(), state: 'open', asks, found: [evil] }, progress: [] }) });
    const server = await served(incidents, {}, { linkKeys: [new Secret(key)] });
    open.push(server);
    const context: BrowserContext = await browser.newContext({ ...devices['Pixel 7'], javaScriptEnabled: scripts });
    open.push(context);
    const page: Page = await context.newPage();
    const requests: string[] = [];
    const complaints: string[] = [];
    page.on('request', (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname.split('/')[1] ?? ''}`));
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    const token = await linkSigner([key]).sign({ incident: incidentView().incident.id, person: 'alice', ...grant }, Date.now() + 60_000);
    await page.goto(`${server.url}/links/${token}`);
    return { page, seen, requests, complaints };
  }

  it('are one request, without a script, a complaint of the browser, or anything wider than the screen', async () => {
    const { page, requests, complaints, seen } = await phone({ action: 'approve', ask: '1.1' });
    expect(await page.title()).toBe('Approve 1.1?');
    expect(requests.filter((request) => request !== 'GET favicon.ico')).toEqual(['GET links']);
    expect(complaints).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(devices['Pixel 7'].viewport.width);
    const button = await page.getByRole('button', { name: 'Approve' }).boundingBox();
    // WCAG 2.2, target size (enhanced): 44 by 44.
    expect(button?.height).toBeGreaterThanOrEqual(44);
    expect(button?.width).toBeGreaterThanOrEqual(44);
    // The stylesheet that the policy names is the one that is there.
    expect(await page.evaluate('getComputedStyle(document.querySelector("button")).backgroundColor')).toBe('rgb(179, 38, 30)');
    expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    expect(seen.acted).toEqual([]);
  });

  it.each([true, false])('acknowledge by one tap, with scripts allowed: %s', async (scripts) => {
    const { page, seen } = await phone({ action: 'acknowledge' }, { scripts });
    await page.getByRole('button', { name: 'Acknowledge' }).tap();
    await page.getByRole('heading', { name: 'Done' }).waitFor();
    expect(await page.getByRole('status').textContent()).toBe('done');
    expect(seen.acted).toMatchObject([{ action: { kind: 'acknowledge' }, acting: { person: 'alice', via: 'link' } }]);
    // Going back and forth sends nothing by itself.
    await page.goBack();
    await page.getByRole('button', { name: 'Acknowledge' }).waitFor();
    expect(seen.acted).toHaveLength(1);
  });

  it('approve by the keyboard alone', async () => {
    const { page, seen } = await phone({ action: 'approve', ask: '1.1' });
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Done' }).waitFor();
    expect(seen.acted).toMatchObject([{ action: { kind: 'approve', ask: '1.1' } }]);
  });

  it('close an incident once its reason is given in the field of that name', async () => {
    const { page, seen } = await phone({ action: 'resolve' });
    await page.getByRole('button', { name: 'Close the incident' }).tap();
    expect(await page.title()).toBe('Close this incident unproven?');
    await page.getByLabel('Why it may be closed').fill('cured by hand');
    await page.getByRole('button', { name: 'Close the incident' }).tap();
    await page.getByRole('heading', { name: 'Done' }).waitFor();
    expect(seen.acted.map(({ action }) => action)).toEqual([{ kind: 'resolve', reason: 'cured by hand' }]);
  });
});
