import type { Message } from '../../src/channels/channel.js';

const incidentId = '0190f3c0-0000-7000-8000-000000000001';

/** A page as the pages worker makes one, to whatever `address` a channel takes. */
export function sample(address: string, change: Partial<Message> = {}): Message {
  return {
    key: `${incidentId}/2/1.0/alice`,
    person: { id: 'alice', name: 'Alice Example', address },
    kind: 'page',
    incident: { id: incidentId, severity: 'Critical', title: 'Disk Space Critical', target: 'app-1:/var' },
    subject: '[Critical] Disk Space Critical on app-1:/var – Level 2',
    lead: 'Escalated to you: Disk 93 % full – unresolved for 15 min. Please acknowledge.',
    text: 'Escalated to you: Disk 93 % full\n\nIncident\nCritical: Disk Space Critical\nSince 2026-03-01\n\nFound so far\n- <!channel> & 93 % used\n',
    urgency: 'high',
    late: false,
    links: [],
    answers: [],
    ...change,
  };
}
