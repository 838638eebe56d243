import type { NewsKind, PageRequest } from '../domain/page.js';
import type { Severity } from '../domain/severity.js';
import type { LinkAction } from '../links/signed-links.js';
import type { QuietHours } from '../roster/quiet-hours.js';

/** One way to reach a person, as the config gives it: exactly one of these. A channel takes the kind that it can use. */
export interface Contact {
  email?: string | undefined;
  /** A member (U…) or a conversation (C…) of Slack, by its id, for the bot. */
  slack?: string | undefined;
  /** Name of an incoming webhook of Slack in the config. */
  slackWebhook?: string | undefined;
  /** Name of a workflow of Microsoft Teams in the config. */
  teams?: string | undefined;
  /** Name of a routing key of PagerDuty in the config. */
  pagerduty?: string | undefined;
  /** A user of Opsgenie, by mail address, or a team. */
  opsgenie?: string | undefined;
  /** Numbers such as +4930123456, for text messages and for calls. */
  sms?: string | undefined;
  phone?: string | undefined;
  /** Name of a webhook of our own kind in the config. */
  webhook?: string | undefined;
  /** Only for a page that nobody has acknowledged so long (ms) after it was due; at once if the contacts without it fail. */
  after?: number | undefined;
  /** Also told when an incident changes hands, escalates or recovers; channels that can show it in its place are told anyway. */
  updates?: boolean | undefined;
}

/** A person as the channels see one. */
export interface Person {
  name?: string;
  /** In the order in which they are tried. */
  contacts: readonly Contact[];
  quietHours?: QuietHours | undefined;
}

/** Something that a page asks of a person, or lets them do. */
export interface Answer {
  action: LinkAction;
  /** The question that it answers. */
  ask?: string;
  /** `Acknowledge`, `Approve 1.2`. */
  label: string;
}

/** An answer given by opening an address and confirming. */
export interface PersonLink extends Answer {
  url: string;
}

/** One person's copy of a page, ready to send. Every line may hold an outsider's words: a channel escapes for its own medium. */
export interface Message {
  /** The same for every attempt, so that the other side can tell a repeat: `<incident>/<level>/<round>/<person>`. */
  key: string;
  /** Those of the pages that it brings, if they are several. */
  keys?: readonly string[];
  person: { id: string; name?: string; address: string };
  kind: PageRequest['kind'];
  incident: { id: string; severity: Severity; title: string; target: string };
  subject: string;
  /** What is wrong and what is wanted, in one line, for places that have no room for `text`. */
  lead: string;
  text: string;
  html?: string;
  /** Pages and questions are high, notices are normal. */
  urgency: 'high' | 'normal';
  late: boolean;
  /** What can be answered to it; a notice wants nothing. */
  answers: readonly Answer[];
  /** Those of the answers that this person can give by a link, each by an address that is theirs alone: it belongs in no log. */
  links: readonly PersonLink[];
  /** What a notice changes about pages that this person got by this way, for channels that keep a state of their own. */
  news?: { kind: NewsKind; pages: { key: string; reference?: string | undefined }[] };
}

/** What the other side said when it took the message. */
export interface Receipt {
  /** ms since the epoch. */
  acceptedAt: number;
  answer: string;
  /** What the other side calls the message, if later ones can refer to it. */
  reference?: string;
}

/** What a look at the other side has shown, in its words: that it would take a page of ours, or only that it is there. */
export interface Looked {
  state: 'works' | 'is there';
  says: string;
}

/** A place where people hear about an incident. */
export interface Channel {
  readonly name: string;
  /** True where others than the person read along: there nobody is handed what only that person may do. */
  readonly shared?: boolean;
  /** True where each page is an object of its own on the other side, which bundles and holds back by rules of its own. */
  readonly keepsState?: boolean;
  /** News that it can show beside the page that it is about. */
  readonly updates?: readonly NewsKind[];
  /** True where the other side tells later whether a message arrived. */
  readonly receipts?: boolean;
  /** Where this channel would send for a contact; undefined if the contact is not of its kind. */
  addressOf(contact: Contact): string | undefined;
  /**
   * Resolves once the other side has accepted. Throws `NextChannel` when this channel will not work for this person now,
   * `MayHaveArrived` when it is not known whether the message was accepted, `TryLater` when the other side says when to
   * come back, and any other Error when it was not accepted and a retry may help. A retry carries the same `message.key`. Gives up when `signal` aborts.
   */
  send(message: Message, signal?: AbortSignal): Promise<Receipt>;
  /** True where `check` says the same for every address. */
  readonly oneCheck?: boolean;
  /**
   * Looks whether the other side would take a message for `address` now, as far as that can be seen while nobody is told
   * anything. Throws why it would not, sorted as with `send`.
   */
  check(address: string): Promise<Looked>;
  /** Ends idle connections; sends in flight finish first. */
  close(): Promise<void>;
}

/** The other side is there and wants no request before some time is over. It has not taken the message. */
export class TryLater extends Error {
  override readonly name = 'TryLater';
  readonly afterMs: number;

  constructor(message: string, afterMs: number) {
    super(message);
    this.afterMs = afterMs;
  }
}

/** This channel will not work for this person now: an address refused, a login refused. The next one is tried at once. */
export class NextChannel extends Error {
  override readonly name = 'NextChannel';
}

/** The connection ended, or time ran out, before the other side answered: sending again may repeat the message. */
export class MayHaveArrived extends Error {
  override readonly name = 'MayHaveArrived';
}
