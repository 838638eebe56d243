import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { incidentView, sendAlert } from '../../sandbox/drill/responder.js';
import { alertmanagerPayload } from '../../sandbox/faults/alertmanager.js';
import { openSite, type Site } from '../../sandbox/drill/site.js';
import type { Mail } from '../../sandbox/servers/mailbox.js';
import type { IncidentView } from '../../src/domain/incident.js';

/*
 * Pages that wait, each in its own way, while the worker that pages is killed twice: in a bundle (in its memory), for a contact
 * with a delay and for the end of quiet hours (timers of the incident). A minute takes 3 s.
 */

const quietEnd = new Date(Math.ceil((Date.now() + 150_000) / 60_000) * 60_000);

let folder: string;
let site: Site;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-waiting-'));
  const utc = (at: Date): string => at.toISOString().slice(11, 16);
  const config = {
    people: {
      'ops-primary': { token: 'env:DRILL_TOKEN_OPS_PRIMARY', pace: { bundle: '5s' }, contacts: [{ email: 'ops-primary@example.com' }, { email: 'phone@example.com', after: '2m' }] },
      'ops-secondary': { quietHours: { from: utc(new Date(quietEnd.getTime() - 3_600_000)), until: utc(quietEnd), zone: 'UTC' } },
    },
    roles: { Primary: ['ops-primary', 'ops-secondary'] },
  };
  site = await openSite({ folder, scale: 1 / 20, times: { silentAfter: '2h', firstWord: '2h' }, config, onProgress: () => undefined, signal: new AbortController().signal });
  // Nobody cures anything: what happens is what the incidents do by themselves.
  for (const name of ['runs', 'host']) await kill(name);
}, 240_000);

afterAll(async () => {
  await site?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

async function kill(name: string): Promise<void> {
  const child = site.processes[name] ?? expect.fail(`there is no process ${name}`);
  process.kill(child.pid, 'SIGKILL');
  await child.exited;
}

const keyOf = (mail: Mail): string => mail.headers['x-responder-key'] ?? '';
const to = (address: string): Mail[] => site.mailbox.messages.filter((mail) => mail.to.includes(address) && !mail.subject.includes('Notice'));
/** Mails that bring a page of an incident to an address, alone or in a bundle. */
const bringing = (id: string, address: string): Mail[] => to(address).filter(({ text }) => text.includes(`responder ack ${id}`));

const opened = async (runbooks: string[]): Promise<string[]> =>
  Promise.all(runbooks.map((runbook) => sendAlert(site, alertmanagerPayload({ labels: { alertname: 'test', runbook, severity: 'medium' }, annotations: { summary: `about ${runbook}` }, startsAt: new Date() }))));

it('loses none of them and sends none under two keys, though the worker is killed while they wait', { timeout: 480_000 }, async () => {
  const reached = (ids: string[], address: string) => expect.poll(() => ids.map((id) => bringing(id, address).length > 0), { timeout: 200_000 }).toEqual(ids.map(() => true));
  const first = await opened(['generalTroubleshooting', 'failedQueueJobs', 'webhookDeliveryFailures']);
  await reached(first, 'ops-primary@example.com');
  // The copies by the contact with a delay are due six seconds after the alert.
  await kill('incidents');
  await site.restart('incidents');
  await reached(first, 'phone@example.com');

  const before = to('ops-primary@example.com').length;
  const second = await opened(['highErrorRate', 'highApiResponseTimes', 'cacheSystemFailure']);
  await expect.poll(() => to('ops-primary@example.com').length, { timeout: 90_000 }).toBeGreaterThan(before);
  // One has arrived: those that follow within 5 s wait in the memory of this process.
  await kill('incidents');
  expect(to('ops-secondary@example.com').filter(({ receivedAt, text }) => receivedAt < quietEnd && first.some((id) => text.includes(id)))).toEqual([]);
  await site.restart('incidents');
  await reached(second, 'ops-primary@example.com');
  await reached(second, 'phone@example.com');
  await reached(first, 'ops-secondary@example.com');
  expect([...to('ops-primary@example.com'), ...to('phone@example.com')].map(({ subject }) => subject), 'a bundle').toContainEqual(expect.stringMatching(/\] \d incidents – /));

  const views = (): Promise<IncidentView[]> => Promise.all([...first, ...second].map((id) => incidentView(site, id)));
  const isOnRecord = ({ pages }: IncidentView): boolean => pages.some(({ person }) => person === 'ops-secondary') && pages.some(({ key }) => key.endsWith('/1/0.0/ops-primary/after-120s'));
  await expect.poll(async () => (await views()).every(isOnRecord), { timeout: 60_000 }).toBe(true);
  for (const { incident, pages } of await views()) {
    const keys = pages.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toEqual(expect.arrayContaining([`${incident.id}/1/0.0/ops-primary`, `${incident.id}/1/0.0/ops-primary/after-120s`]));
    for (const { key, repeats } of pages) {
      const alone = site.mailbox.messages.filter((mail) => keyOf(mail) === key);
      expect(new Set(alone.map(({ messageId }) => messageId)).size, key).toBeLessThanOrEqual(1);
      expect(alone.length, `${key}: an unneeded repeat`).toBeLessThanOrEqual(repeats + 1);
    }
  }
});
