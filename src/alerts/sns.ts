import { createVerify, X509Certificate } from 'node:crypto';
import { z } from 'zod';

const text = z.string().max(300_000);

/** What Amazon SNS posts: https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html */
export const snsMessage = z.looseObject({
  Type: z.enum(['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation']),
  MessageId: text,
  TopicArn: text,
  Subject: text.nullish(),
  Message: text,
  Timestamp: text,
  SignatureVersion: z.enum(['1', '2']),
  Signature: text,
  SigningCertURL: text,
  SubscribeURL: text.optional(),
  Token: text.optional(),
});
export type SnsMessage = z.output<typeof snsMessage>;

/** Fetches a PEM over HTTPS, or confirms a subscription: GET without redirects. The text of the answer. */
export type Fetch = (url: string) => Promise<string>;

export interface SnsVerifier {
  /**
   * Whether SNS signed the message for one of the topics, at most an hour ago. Throws if the certificate can't be fetched.
   * `now` is the present, in ms since the epoch.
   */
  isGenuine(message: SnsMessage, now: number): Promise<boolean>;
  /** Confirms the subscription that a genuine message asks for. False if its link is not SNS's own for that topic. */
  confirm(message: SnsMessage): Promise<boolean>;
}

// SNS tries again for an hour at most with its standard policy: an older message is a recording.
const oldestMs = 3_600_000;
const certificatesAtMost = 10;

/** Verifies messages of these topics, by the rules of https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html */
export function snsVerifier(topics: readonly string[], fetch: Fetch): SnsVerifier {
  const certificates = new Map<string, X509Certificate>();

  async function certificateAt(url: string, now: number): Promise<X509Certificate | undefined> {
    const known = certificates.get(url);
    if (known && Date.parse(known.validTo) > now) return known;
    const certificate = new X509Certificate(await fetch(url));
    if (Date.parse(certificate.validFrom) > now || Date.parse(certificate.validTo) <= now) return undefined;
    if (certificates.size >= certificatesAtMost) certificates.clear();
    certificates.set(url, certificate);
    return certificate;
  }

  return {
    async isGenuine(message, now) {
      const age = now - Date.parse(message.Timestamp);
      if (!topics.includes(message.TopicArn) || !(age < oldestMs && age > -oldestMs)) return false;
      // The link names where the key comes from, so it may only lead to SNS in the topic's own region.
      const url = ownUrl(message.SigningCertURL, message.TopicArn);
      if (!url || !/^\/SimpleNotificationService-[0-9a-f]{16,64}\.pem$/.test(url.pathname) || url.search) return false;
      const certificate = await certificateAt(url.href, now);
      if (!certificate) return false;
      const verify = createVerify(message.SignatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256').update(signedText(message));
      return verify.verify(certificate.publicKey, message.Signature, 'base64');
    },
    async confirm(message) {
      const url = ownUrl(message.SubscribeURL ?? '', message.TopicArn);
      const asks = url?.searchParams;
      if (asks?.get('Action') !== 'ConfirmSubscription' || asks.get('TopicArn') !== message.TopicArn || !url) return false;
      await fetch(url.href);
      return true;
    },
  };
}

/** The link, if it is of SNS in the region of the topic: https, that host, no port, no user. */
function ownUrl(link: string, topic: string): URL | undefined {
  const [, partition, , region = ''] = topic.split(':');
  const host = `sns.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`;
  const url = URL.canParse(link) ? new URL(link) : undefined;
  const isOwn = url?.protocol === 'https:' && url.host === host && !url.username && !url.password;
  return isOwn && /^[a-z0-9-]{3,30}$/.test(region) ? url : undefined;
}

function signedText(message: SnsMessage): string {
  const names = message.Type === 'Notification' ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'] as const : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'] as const;
  return names.flatMap((name) => (message[name] == null ? [] : [`${name}\n${message[name]}\n`])).join('');
}
