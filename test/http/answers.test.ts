import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emailChannel } from '../../src/channels/email.js';
import { twilioSmsChannel } from '../../src/channels/twilio.js';
import { Secret } from '../../src/config.js';
import { linkSigner } from '../../src/links/signed-links.js';
import { temporalIncidents } from '../../src/http/temporal-incidents.js';
import type { Permissions } from '../../src/domain/permissions.js';
import { scaled, standardTimes } from '../../src/domain/times.js';
import { standardRoles } from '../../src/roster/roster.js';
import { hostNeeding } from '../support/practice-host.js';
import { openPostOffice, type PostOffice } from '../support/post-office.js';
import { openReceiver } from '../support/receiver.js';
import { openWorld, type TestIncident, type World } from '../support/world.js';
import { call, served, tokens } from './world.js';

/*
 * From the page that a person gets to the incident that knows their answer, all parts real: the mail, the server, the signature,
 * the incident on Temporal's dev server, the act on its host. A minute takes 400 ms.
 */

const key = 'c3'.repeat(32);
const signingSecret = 'signing-secret-XK3v9dQpL0sT8rWz';
const base = 'https://responder.example.com';
const times = { ...scaled(standardTimes, 1 / 150), approvalExpires: 60_000, lateAfter: 5_000 };
const permissions: Permissions = { approve: { destructive: ['CTO'] }, twoPeople: [], ownRequests: 'refused' };

const authToken = 'twilio-XK3v9dQpL0sT8rWz';
const account = `AC${'0'.repeat(32)}`;

let office: PostOffice;
let twilio: Awaited<ReturnType<typeof openReceiver>>;
let slack: Awaited<ReturnType<typeof openReceiver>>;
let world: World;
let server: Awaited<ReturnType<typeof served>>;
beforeAll(async () => {
  office = await openPostOffice();
  slack = await openReceiver(() => ({ status: 200, body: 'ok' }));
  twilio = await openReceiver((_request, n) => ({ status: 201, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ sid: `SM${n}`, status: 'queued' }) }));
  const sms = twilioSmsChannel({ account, authToken, from: '+4930000001', api: twilio.url, receipts: `${base}/twilio/receipts` });
  const mail = emailChannel({ server: { host: '127.0.0.1', port: office.port }, from: 'Responder <responder@example.com>' });
  world = await openWorld({ realTime: true, people: { infra: { contacts: [{ sms: '+4930000002' }, { email: 'infra@example.com' }] } }, pages: { channels: [mail, sms], links: { signer: linkSigner([key]), base, validForMs: 3_600_000 } } });
  const config = {
    times, automation: {}, permissions, roster: { roles: standardRoles },
    links: { console: base, temporalUi: base, keys: [], validFor: 1 },
    temporal: { address: '', namespace: 'default', connection: () => ({}) },
  };
  const incidents = temporalIncidents({ client: world.client, config, seed: world.seed, reports: { read: async () => undefined } });
  const people = Object.fromEntries(
    [['ops-primary', 'U0PRIMARY1'], ['cto', 'U0CTO00001']].map(([id = '', slackId = '']) => [id, { id, name: id, contacts: [{ email: `${id}@example.com` }, { slack: slackId }] }]),
  );
  server = await served(incidents, {}, {
    linkKeys: [new Secret(key)], people, channels: { twilio: { account, authToken: new Secret(authToken), from: '+4930000001', api: twilio.url }, slack: { token: new Secret('xoxb'), signingSecret: new Secret(signingSecret), api: `${slack.url}/api` } },
  });
});
afterAll(async () => {
  await world?.endIncidents();
  await server?.close();
  await world?.close();
  await slack?.close();
  await twilio?.close();
  await office?.close();
});

/** The search index is late by a moment, and nobody is told of an incident before that in a test of theirs. */
async function known({ start }: TestIncident): Promise<void> {
  await expect.poll(async () => (await call(`${server.url}/api/incidents/${start.id}`, { token: tokens.alice })).status, { timeout: 20_000 }).toBe(200);
}

/** The address behind a link of the newest mail that has it, on our server instead of the proxy before it. */
async function linkIn(incident: TestIncident, address: string, label: string): Promise<string> {
  const urls = () => office.to(address).flatMap(({ html, key: page }) => (page.startsWith(incident.start.id) ? [...html.matchAll(/<a href="([^"]+)">([^<]+)<\/a>/g)] : [])).filter(([, , words]) => words === label).map(([, url = '']) => url);
  await incident.until(() => urls().length > 0, `the link ${label}`);
  return (urls().at(-1) ?? '').replace(base, server.url);
}
const opened = (url: string) => fetch(url).then(async (response) => ({ status: response.status, text: await response.text() }));
const confirmed = (url: string) => fetch(url, { method: 'POST', body: new URLSearchParams({ confirm: 'yes' }) }).then(async (response) => ({ status: response.status, text: await response.text() }));

async function press(member: string, action_id: string, value: object): Promise<{ status: number; told: string }> {
  const before = slack.requests.length;
  const payload = { type: 'block_actions', user: { id: member }, response_url: `${slack.url}/actions/T1/2/3`, actions: [{ action_id, value: JSON.stringify(value), type: 'button' }] };
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = `v0=${createHmac('sha256', signingSecret).update(`v0:${timestamp}:${body}`).digest('hex')}`;
  const { status } = await fetch(`${server.url}/slack/actions`, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-slack-signature': signature, 'x-slack-request-timestamp': timestamp } });
  await expect.poll(() => slack.requests.length).toBe(before + 1);
  return { status, told: String((JSON.parse(slack.requests.at(-1)?.body ?? '{}') as { text?: string }).text) };
}

describe('an answer to a page reaches a real incident', () => {
  it('by the links of its mails, once, and not what the permissions leave to others', async () => {
    const host = hostNeeding('Restart', 'Delete');
    const incident = await world.open({ activities: host.activities, start: { times, permissions } });
    await known(incident);
    const acknowledge = await linkIn(incident, 'ops-primary@example.com', 'Acknowledge');
    expect((await opened(acknowledge)).status).toBe(200);
    expect((await incident.view()).acknowledgement).toBeUndefined();
    expect((await confirmed(acknowledge)).status).toBe(200);
    expect((await incident.view()).acknowledgement?.by).toEqual({ kind: 'person', person: 'ops-primary', via: 'link' });

    const approve = await linkIn(incident, 'ops-primary@example.com', 'Approve 1.1');
    expect((await opened(approve)).text).toContain('<pre>cure Restart</pre>');
    expect(await confirmed(approve)).toMatchObject({ status: 200, text: expect.stringContaining('approved: Restart') as string });
    for (const again of [await confirmed(approve), await opened(approve)]) expect(again).toMatchObject({ status: 409, text: expect.stringContaining('was approved by ops-primary (link)') as string });

    const refused = await confirmed(await linkIn(incident, 'ops-primary@example.com', 'Approve 1.2'));
    expect(refused).toMatchObject({ status: 403, text: expect.stringContaining('to approve a destructive act is left to CTO') as string });
    expect((await incident.view()).timeline.filter(({ what }) => what === 'refused')).toMatchObject([{ actor: { person: 'ops-primary', via: 'link' }, text: expect.stringContaining('approve refused: ') as string }]);
    expect((await call(`${server.url}/metrics`)).text).toContain('responder_actions_total{kind="approve",outcome="forbidden"} 1');
    expect(host.did).toEqual(['Restart']);
  });

  it('by the buttons of Slack, once, and not what the permissions leave to others', async () => {
    const host = hostNeeding('Delete');
    const incident = await world.open({ activities: host.activities, start: { times, permissions } });
    await known(incident);
    const { id } = incident.start;
    expect((await press('U0PRIMARY1', 'acknowledge', { incident: id })).told).toContain('acknowledged until');
    expect((await incident.view()).acknowledgement?.by).toEqual({ kind: 'person', person: 'ops-primary', via: 'chat' });
    await incident.until(({ asks }) => asks.length === 1, 'the question');
    expect((await press('U0PRIMARY1', 'approve 1.1', { incident: id, ask: '1.1' })).told).toContain('Nothing was done: to approve a destructive act is left to CTO');
    expect((await press('U0CTO00001', 'approve 1.1', { incident: id, ask: '1.1' })).told).toContain('approved: Delete');
    expect((await press('U0CTO00001', 'decline 1.1', { incident: id, ask: '1.1' })).told).toContain('question 1.1 was approved by cto (chat)');
    await incident.until(() => host.did.length > 0, 'the act');
    expect(host.did).toEqual(['Delete']);
    expect((await incident.view()).timeline.filter(({ what }) => what === 'refused')).toHaveLength(1);
  });
});

describe('a receipt that a text message did not arrive', () => {
  it('makes the person be told by the next contact at once, under the same key, and only if Twilio signed it', async () => {
    const incident = await world.open({ activities: hostNeeding().activities, start: { times } });
    await known(incident);
    await incident.until(({ pages }) => pages.some(({ person, channel }) => person === 'infra' && channel === 'sms'), 'the text message');
    const callback = twilio.requests.flatMap(({ body }) => new URLSearchParams(body).get('StatusCallback') ?? []).find((url) => url.includes(incident.start.id)) ?? '';
    const path = callback.slice(base.length);
    const sid = (await incident.view()).pages.find(({ channel }) => channel === 'sms')?.reference ?? '';
    const tell = async (by: string) => {
      const fields = { MessageSid: sid, MessageStatus: 'undelivered', ErrorCode: '30003' };
      const sorted = Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)).flat().join('');
      const signature = createHmac('sha1', by).update(`http://127.0.0.1:8080${path}${sorted}`).digest('base64');
      return (await fetch(`${server.url}${path}`, { method: 'POST', body: new URLSearchParams(fields), headers: { 'x-twilio-signature': signature } })).status;
    };
    expect(await tell('guessed')).toBe(401);
    expect(await tell(authToken)).toBe(204);
    const key = `${incident.start.id}/1/0.0/infra`;
    const { pages, timeline } = await incident.until((view) => view.pages.some(({ channel }) => channel === 'email 2'), 'the next contact');
    expect(pages.filter(({ person }) => person === 'infra').map((page) => [page.key, page.channel])).toEqual([[key, 'sms'], [key, 'email 2']]);
    expect(office.to('infra@example.com').map((letter) => letter.key)).toEqual([key]);
    expect(timeline.map(({ text }) => text)).toContain('infra was not reached by sms: undelivered');
  });
});
