import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { slackBotChannel } from '../../src/channels/slack-bot.js';
import { Secret } from '../../src/config.js';
import { ApiError } from '../../src/http/errors.js';
import type { Incidents } from '../../src/http/incidents.js';
import { isSignedBySlack } from '../../src/http/slack-routes.js';
import { sample } from '../channels/sample.js';
import { openReceiver } from '../support/receiver.js';
import { remembering, served } from './world.js';

const secret = 'signing-secret-XK3v9dQpL0sT8rWz';
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

/** Slack, for what the server sends it, and our server. */
async function world(overrides: Partial<Incidents> = {}) {
  const slack = await openReceiver(() => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '{"ok":true,"channel":"D024BE91L","ts":"1503435956.000247"}' }));
  const { incidents, seen } = remembering(overrides);
  const server = await served(incidents, {}, {
    channels: { slack: { token: new Secret('xoxb'), signingSecret: new Secret(secret), api: `${slack.url}/api` } },
    contacts: [{ slack: 'U012AB3CDE' }, { slack: 'C0000SHARED' }],
  });
  open.push(server, slack);
  const press = async (payload: object, { body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString(), by = secret, ageS = 0, type = 'application/x-www-form-urlencoded' } = {}) => {
    const timestamp = String(Math.floor(Date.now() / 1_000) - ageS);
    const signature = `v0=${createHmac('sha256', by).update(`v0:${timestamp}:${body}`).digest('hex')}`;
    const response = await fetch(`${server.url}/slack/actions`, { method: 'POST', body, headers: { 'content-type': type, 'x-slack-signature': signature, 'x-slack-request-timestamp': timestamp } });
    return { status: response.status, text: await response.text() };
  };
  const button = (action_id: string, value: object, change: object = {}) => ({
    type: 'block_actions',
    user: { id: 'U012AB3CDE', username: 'alice' },
    response_url: `${slack.url}/actions/T1/2/3`,
    actions: [{ action_id, block_id: 'x', value: JSON.stringify(value), type: 'button' }],
    ...change,
  });
  return { slack, seen, press, button, log: server.log };
}

describe('a press of a button in Slack', () => {
  it('checks the signature as in the example of Slack\'s documentation', () => {
    const example = {
      secret: '8f742231b10e8888abcd99yyyzzz85a5',
      timestamp: '1531420618',
      body: 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
      signature: 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    };
    const now = 1_531_420_618_000;
    expect(isSignedBySlack({ ...example, now })).toBe(true);
    expect(isSignedBySlack({ ...example, now: now + 301_000 })).toBe(false);
    expect(isSignedBySlack({ ...example, now, body: `${example.body}x` })).toBe(false);
    expect(isSignedBySlack({ ...example, now, timestamp: 'NaN' })).toBe(false);
    expect(isSignedBySlack({ ...example, now, signature: 'v0=' })).toBe(false);
  });

  it('is what the buttons of the bot send: the person is the member, and told the outcome alone', async () => {
    const { slack, seen, press } = await world();
    const channel = slackBotChannel({ token: 'xoxb', api: `${slack.url}/api`, buttons: true });
    open.push(channel);
    const answers = [
      { action: 'acknowledge' as const, label: 'Acknowledge' },
      { action: 'approve' as const, ask: '1.2', label: 'Approve 1.2' },
      { action: 'decline' as const, ask: '1.2', label: 'Decline 1.2' },
      { action: 'resolve' as const, label: 'Resolve' },
    ];
    await channel.send(sample('U012AB3CDE', { answers }));
    const [message] = slack.json() as { channel: string; blocks: { type: string; elements: { action_id: string; value: string; type: string }[] }[] }[];
    expect(message?.channel).toBe('U012AB3CDE');
    const buttons = message?.blocks.find(({ type }) => type === 'actions')?.elements ?? [];
    expect(buttons.map(({ action_id }) => action_id)).toEqual(['acknowledge', 'approve 1.2', 'decline 1.2']);
    for (const pressed of [...buttons, ...buttons.slice(1, 2)]) {
      expect(await press({ type: 'block_actions', user: { id: 'U012AB3CDE' }, response_url: `${slack.url}/actions/1`, actions: [pressed] })).toEqual({ status: 200, text: '' });
    }
    const incident = sample('').incident.id;
    expect(seen.acted.map(({ reference, action, acting: { person, via } }) => ({ reference, action, person, via }))).toEqual([
      { reference: incident, action: { kind: 'acknowledge' }, person: 'alice', via: 'chat' },
      { reference: incident, action: { kind: 'approve', ask: '1.2' }, person: 'alice', via: 'chat' },
      { reference: incident, action: { kind: 'decline', ask: '1.2' }, person: 'alice', via: 'chat' },
      { reference: incident, action: { kind: 'approve', ask: '1.2' }, person: 'alice', via: 'chat' },
    ]);
    expect(seen.acted[3]?.acting.id).toBe(seen.acted[1]?.acting.id);
    expect(slack.json().slice(1)).toEqual(Array.from({ length: 4 }, () => ({ response_type: 'ephemeral', replace_original: false, text: 'done' })));
  });

  it('of somebody who is in nobody\'s contacts does nothing and says so', async () => {
    const { slack, seen, press, button } = await world();
    for (const id of ['U0MALLORY0', 'C0000SHARED']) expect((await press(button('acknowledge', { incident: 'i' }, { user: { id } }))).status).toBe(200);
    expect(seen.acted).toEqual([]);
    expect(slack.json()).toMatchObject([{ text: expect.stringContaining("U0MALLORY0 is in nobody's contacts") as string }, {}]);
  });

  it('says why the incident refused it', async () => {
    const { slack, press, button } = await world({ act: async () => Promise.reject(new ApiError('refused', 'question 1.2 was declined by <bob>')) });
    await press(button('approve 1.2', { incident: 'i', ask: '1.2' }));
    expect(slack.json()).toMatchObject([{ text: 'Nothing was done: question 1.2 was declined by &lt;bob&gt;' }]);
  });

  it('is in the log with its incident, also if it comes to nothing', async () => {
    const { press, button, log } = await world({ act: async () => Promise.reject(new Error('no way')) });
    await press(button('acknowledge', { incident: 'i-1' }));
    const lines = log.map((line) => JSON.parse(line) as { msg: string; incidentId?: string });
    expect(lines.slice(1).map(({ msg, incidentId }) => [msg, incidentId])).toEqual([['incoming request', undefined], ['a press in Slack came to nothing', 'i-1'], ['request completed', 'i-1']]);
    expect(log.join('')).not.toContain(secret);
  });

  it('is refused with another signature, an old one, or none', async () => {
    const { seen, press, button, log } = await world();
    const payload = button('acknowledge', { incident: 'i' });
    expect((await press(payload, { by: 'guessed' })).status).toBe(401);
    expect((await press(payload, { ageS: 400 })).status).toBe(401);
    expect((await press(payload, { ageS: -400 })).status).toBe(401);
    expect((await press(payload, { type: 'application/json' })).status).toBe(400);
    expect(seen.acted).toEqual([]);
    expect(log.join('')).not.toContain(secret);
  });

  it('of a shape or a button that is not ours changes nothing, and calls nobody but Slack', async () => {
    const { slack, seen, press, button } = await world();
    expect((await press({}, { body: 'payload=%7B' })).status).toBe(400);
    expect((await press({}, { body: 'x=1' })).status).toBe(400);
    expect((await press({ type: 'view_submission' })).status).toBe(400);
    for (const [id, value] of [['link-0', {}], ['stop', { incident: 'i' }], ['approve 1.2', { incident: 'i' }]] as const) expect((await press(button(id, value))).status).toBe(200);
    expect(seen.acted).toEqual([]);
    const elsewhere = await openReceiver(() => ({ status: 200 }));
    open.push(elsewhere);
    await press(button('acknowledge', { incident: 'i' }, { response_url: `${elsewhere.url}/x` }));
    expect(seen.acted).toHaveLength(1);
    expect([...elsewhere.requests, ...slack.requests]).toEqual([]);
  });
});
