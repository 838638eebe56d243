import { bundled } from './bundle.js';
import { type Channel, type Message, MayHaveArrived, type Receipt, TryLater } from './channel.js';

/** How fast pages may come to a person, by each channel. */
export interface Pace {
  /** Pages that follow another within this, ms, come in one message at its end. */
  bundle?: number | undefined;
  /** Messages in a span of ms; a Critical page is never held back. */
  atMost?: { messages: number; per: number } | undefined;
}

/** The person has had as many messages as they want; nothing was sent. */
export class TooMany extends TryLater {}

/** More of them would not be read, and have no room in Slack. */
const bundleAtMost = 20;

interface Follower {
  message: Message;
  signal: AbortSignal | undefined;
  settle: { resolve: (receipt: Receipt) => void; reject: (error: unknown) => void };
}

/** One person's address: when messages left, ms of this process's own clock, and who waits to go along with the next. */
interface Lane {
  sentAt: number[];
  followers: Follower[];
}

/**
 * A channel that keeps to a person's pace: the first page leaves at once, those that follow it within `bundle` are one message
 * at its end, and one above `atMost` is refused by `TooMany`, to come back later. Questions and notices pass. What it knows
 * is of this process alone (docs/adr/0014). `send` answers for each page with what became of the message that it was in.
 */
export function paced(channel: Channel, { paceOf }: { paceOf: (person: string) => Pace | undefined }): Channel {
  const lanes = new Map<string, Lane>();
  // Not the time of day, which may be set back: then everybody would wait for it to come again.
  const now = (): number => performance.now();
  const leave = (lane: Lane, message: Message, signal?: AbortSignal): Promise<Receipt> => {
    lane.sentAt.push(now());
    return channel.send(message, signal);
  };

  return {
    ...channel,
    async send(message, signal) {
      const pace = message.kind === 'page' ? paceOf(message.person.id) : undefined;
      if (!pace) return channel.send(message, signal);
      const lane = laneOf(lanes, message, pace, now());
      const rest = message.incident.severity === 'Critical' ? 0 : restOf(lane, pace, now());
      if (rest > 0) throw new TooMany(`${message.person.id} has had ${lane.sentAt.length} messages by ${channel.name} and wants no more yet`, rest);
      const { bundle } = pace;
      const last = lane.sentAt.at(-1);
      if (lane.followers.length === 0 && (bundle === undefined || last === undefined || now() >= last + bundle)) return leave(lane, message, signal);
      return new Promise((resolve, reject) => {
        lane.followers.push({ message, signal, settle: { resolve, reject } });
        if (lane.followers.length === 1) setTimeout(() => void flush(lane), Math.max(0, (last ?? now()) + (bundle ?? 0) - now()));
        else if (lane.followers.length >= bundleAtMost) void flush(lane);
      });
    },
  };

  async function flush(lane: Lane): Promise<void> {
    const all = lane.followers.splice(0);
    // Whoever closed or was answered meanwhile is left out, and has been told so by its own signal.
    const [first, ...others] = all.filter(({ signal }) => !signal?.aborted);
    for (const { signal, settle } of all) if (signal?.aborted) settle.reject(new Error('no longer wanted'));
    if (!first) return;
    try {
      const receipt = await leave(lane, bundled([first.message, ...others.map(({ message }) => message)]));
      for (const { settle } of [first, ...others]) settle.resolve(receipt);
    } catch (error) {
      for (const { settle } of [first, ...others]) settle.reject(error instanceof Error ? error : new MayHaveArrived(String(error)));
    }
  }
}

function laneOf(lanes: Map<string, Lane>, { person }: Message, { bundle = 0, atMost }: Pace, now: number): Lane {
  const name = `${person.id} ${person.address}`;
  const lane = lanes.get(name) ?? { sentAt: [], followers: [] };
  lane.sentAt = lane.sentAt.filter((at) => at > now - Math.max(bundle, atMost?.per ?? 0));
  lanes.set(name, lane);
  return lane;
}

/** How long until the next may leave, ms; 0 if it may now, or goes along with others. */
function restOf({ sentAt, followers }: Lane, { atMost }: Pace, now: number): number {
  if (!atMost || followers.length > 0 && followers.length < bundleAtMost) return 0;
  const inSpan = sentAt.filter((at) => at > now - atMost.per);
  return inSpan.length < atMost.messages ? 0 : (inSpan.at(-atMost.messages) ?? now) + atMost.per - now;
}
