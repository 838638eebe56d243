import type { ChannelAnswer } from '../activities/doctor-channels.js';
import type { Check, LookedAt, Way } from '../domain/doctor.js';
import type { Answered } from '../workflows/doctor.js';
import { queues } from '../workflows/names.js';

type Failure = Exclude<LookedAt['state'], 'works' | 'is there'>;

/** What the pages worker saw of the ways to people: each other side once, then who is reached by none. */
export function examineChannels(answered: Answered<ChannelAnswer>): Check[] {
  if ('silent' in answered) return [{ area: 'channels', subject: queues.pages, state: 'finding', says: answered.silent, remedy: 'start worker incidents' }];
  const { channels, people } = answered.answer;
  return [
    ...channels.map(({ name, address, ...looked }) => ofLook(address === undefined ? name : `${name} ${address}`, name, looked, isTested(people, { name, ...(address !== undefined && { address }) }))),
    ...people.flatMap(ofPerson),
  ];
}

function ofLook(subject: string, channel: string, { state, says }: LookedAt, tested: boolean): Check {
  if (state === 'works') return { area: 'channels', subject, state: 'ok', says };
  // A test page has shown the rest.
  if (state === 'is there') return { area: 'channels', subject, state: tested ? 'ok' : 'note', says, ...(!tested && { remedy: 'responder doctor --send-test' }) };
  return { area: 'channels', subject, state: 'finding', says, remedy: remedies[state](sectionOf(channel)) };
}

function isTested(people: ChannelAnswer['people'], { name, address }: { name: string; address?: string }): boolean {
  const its = people.flatMap(({ ways }) => ways.filter((way) => kindOf(way) === name && (address === undefined || way.address === address)));
  return its.length > 0 && its.every(({ test }) => test?.state === 'works');
}

function ofPerson({ id, ways }: ChannelAnswer['people'][number]): Check[] {
  if (ways.length === 0) return [{ area: 'channels', subject: id, state: 'finding', says: 'no channel of the pages worker reaches them', remedy: `people.${id} of the config, and the worker's own copy of it` }];
  const tests = ways.flatMap((way): Check[] => {
    const { channel, address, test } = way;
    if (!test) return [];
    const check: Omit<Check, 'state'> = { area: 'channels', subject: `${id} by ${channel}`, says: `test page to ${address}: ${test.says}` };
    return [isFailure(test) ? { ...check, state: 'finding', remedy: remedies[test.state](sectionOf(kindOf(way))) } : { ...check, state: 'ok' }];
  });
  const none = ways.every(({ looked, test }) => isFailure(test ?? looked));
  return [...tests, ...(none ? [{ area: 'channels', subject: id, state: 'finding', says: 'would not be reached now: none of their ways works', remedy: 'a further contact that goes another way' } satisfies Check] : [])];
}

function isFailure(looked: LookedAt): looked is LookedAt & { state: Failure } {
  return looked.state !== 'works' && looked.state !== 'is there';
}

/** By what a page would meet: docs/channels.md. */
const remedies: Record<Failure, (section: string) => string> = {
  refused: (section) => `refused, so pages go to the next contact: ${section} of the config, the contact, and what is allowed on the other side`,
  away: () => 'not reached, or put off, so pages are tried again and go to the next contact after 25 s: address, name service, certificate, and whether the machine of the pages worker may connect there',
  silent: () => 'no answer that we understand, so pages may arrive twice: is something between us and it, or is it in trouble?',
};

const sections: Record<string, string> = { 'slack webhook': 'slackWebhooks', sms: 'twilio', phone: 'twilio', webhook: 'webhooks' };

function sectionOf(channel: string): string {
  return `channels.${sections[channel] ?? channel}`;
}

/** `email` of `email 2`. */
function kindOf({ channel }: Way): string {
  return channel.replace(/ \d+$/, '');
}
