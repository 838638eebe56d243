import type { Channel, Person } from '../channels/channel.js';
import type { Way } from '../domain/doctor.js';
import { oneLine } from '../channels/outsider-text.js';
import { waysTo } from './ways.js';

/** Which people the doctor asks about. */
export interface ChannelQuestion {
  /** Ids of the config. */
  people: string[];
  /** Set to send a test page to each of them on each way; its id is in the page's key. */
  test?: string;
}

/** How people would be told, by the worker that would do it. */
export interface ChannelAnswer {
  channels: { name: string; works: boolean; says: string }[];
  people: { id: string; ways: Way[] }[];
}

/** What the doctor asks of the pages worker. */
export type DoctorChannelActivities = ReturnType<typeof doctorChannelActivities>;

/** Looks at the channels by which this worker pages. */
export function doctorChannelActivities({ people, channels }: { people: Readonly<Record<string, Person>>; channels: readonly Channel[] }) {
  return {
    /** Whether each channel would take a page now, and the ways to people. Sends only if `test` is set, then each way once; a repeat sends again. Never throws for what a channel says. */
    async examineChannels({ people: ids, test }: ChannelQuestion): Promise<ChannelAnswer> {
      const [checked, reached] = await Promise.all([
        Promise.all(channels.map(async (channel) => ({ name: channel.name, ...(await tried(async () => (await channel.check?.()) ?? 'only a test page shows it')) }))),
        Promise.all(ids.map(async (id) => ({ id, ways: await waysOf(id, test) }))),
      ]);
      return { channels: checked, people: reached };
    },
  };

  async function waysOf(id: string, test: string | undefined): Promise<Way[]> {
    const person = Object.hasOwn(people, id) ? people[id] : undefined;
    return Promise.all(
      waysTo(person, channels).map(async ({ name, channel, address }): Promise<Way> => {
        const way: Way = { channel: name, address };
        if (test === undefined) return way;
        const { works, says } = await tried(async () => (await channel.send(testPage({ id, ...(person?.name && { name: person.name }), address }, `doctor/${test}/${id}/${name}`), AbortSignal.timeout(20_000))).answer);
        return { ...way, test: { accepted: works, says } };
      }),
    );
  }
}

function testPage(person: { id: string; name?: string; address: string }, key: string) {
  const lead = 'This is a test of the way to you. Nothing is wrong, and nothing is asked of you.';
  return {
    key,
    person,
    kind: 'notice' as const,
    incident: { id: key, severity: 'Medium' as const, title: 'Test page', target: 'nothing' },
    subject: 'Test page: nothing is wrong',
    lead,
    text: `${lead}\n\nSent by: responder doctor --send-test\n`,
    urgency: 'normal' as const,
    late: false,
    links: [],
    answers: [],
  };
}

async function tried(act: () => Promise<string>): Promise<{ works: boolean; says: string }> {
  try {
    return { works: true, says: oneLine(await act(), 300) };
  } catch (error) {
    return { works: false, says: oneLine(error instanceof Error ? error.message : String(error), 300) };
  }
}
