import { MayHaveArrived, NextChannel } from '../channels/channel.js';
import type { Channel, Person } from '../channels/channel.js';
import type { LookedAt, Way } from '../domain/doctor.js';
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
  /** Each other side once; `address` is absent where it is the same for all. */
  channels: (LookedAt & { name: string; address?: string })[];
  people: { id: string; ways: Way[] }[];
}

/** What the doctor asks of the pages worker. */
export type DoctorChannelActivities = ReturnType<typeof doctorChannelActivities>;

/** Looks at the channels by which this worker pages. */
export function doctorChannelActivities({ people, channels }: { people: Readonly<Record<string, Person>>; channels: readonly Channel[] }) {
  return {
    /**
     * Whether the way to each of these people would take a page now, and each channel that needs no address for that. Sends only
     * if `test` is set, then each way once; a repeat sends again. Never throws for what a channel says.
     */
    async examineChannels({ people: ids, test }: ChannelQuestion): Promise<ChannelAnswer> {
      const looks = new Map<string, { name: string; address?: string; looked: Promise<LookedAt> }>();
      const lookAt = (channel: Channel, address: string): Promise<LookedAt> => {
        const key = channel.oneCheck ? channel.name : `${channel.name} ${address}`;
        const look = looks.get(key) ?? { name: channel.name, ...(!channel.oneCheck && { address }), looked: tried(() => channel.check(address)) };
        looks.set(key, look);
        return look.looked;
      };
      for (const channel of channels) if (channel.oneCheck) void lookAt(channel, '');
      const reached = await Promise.all(ids.map(async (id) => ({ id, ways: await waysOf(id, test, lookAt) })));
      return { channels: await Promise.all([...looks.values()].map(async ({ looked, ...what }) => ({ ...what, ...(await looked) }))), people: reached };
    },
  };

  async function waysOf(id: string, test: string | undefined, lookAt: (channel: Channel, address: string) => Promise<LookedAt>): Promise<Way[]> {
    const person = Object.hasOwn(people, id) ? people[id] : undefined;
    return Promise.all(
      waysTo(person, channels).map(async ({ name, channel, address, afterMs }): Promise<Way> => {
        const way: Way = { channel: name, address, ...(afterMs > 0 && { afterMs }), looked: await lookAt(channel, address) };
        if (test === undefined) return way;
        const message = testPage({ id, ...(person?.name && { name: person.name }), address }, `doctor/${test}/${id}/${name}`);
        return { ...way, test: await tried(async () => ({ state: 'works', says: (await channel.send(message, AbortSignal.timeout(20_000))).answer })) };
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

async function tried(act: () => Promise<LookedAt>): Promise<LookedAt> {
  try {
    const { state, says } = await act();
    return { state, says: oneLine(says, 300) };
  } catch (error) {
    return { state: failureOf(error), says: oneLine(error instanceof Error ? error.message : String(error), 300) };
  }
}

function failureOf(error: unknown): LookedAt['state'] {
  if (error instanceof NextChannel) return 'refused';
  return error instanceof MayHaveArrived ? 'silent' : 'away';
}
