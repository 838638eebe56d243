import { beforeAll, describe, expect, it } from 'vitest';
import { snsMessage, snsVerifier } from '../../src/alerts/sns.js';
import type { SnsMessage } from '../../src/alerts/sns.js';
import { certificateUrl, snsSender, topic } from './sns-sender.js';
import type { SnsSender } from './sns-sender.js';

const now = Date.now() + 60_000;
const at = (ms: number): string => new Date(ms).toISOString();
const confirmUrl = `https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${topic}&Token=233`;

let sender: SnsSender;
beforeAll(async () => {
  sender = await snsSender();
});

/** A message as SNS makes it. */
function signed(change: Partial<SnsMessage> = {}, version: '1' | '2' = '1'): SnsMessage {
  const message = {
    Type: 'Notification',
    MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
    TopicArn: topic,
    Message: 'Hello\nworld',
    Timestamp: at(now - 30_000),
    SignatureVersion: version,
    SigningCertURL: certificateUrl,
    ...change,
  } as SnsMessage;
  return snsMessage.parse({ ...message, Signature: sender.signature(message) });
}

/** A verifier whose network is the certificate of this test. `fetched` are the links that it asked for. */
function verifier(topics = [topic]) {
  const fetched: string[] = [];
  return {
    fetched,
    ...snsVerifier(topics, async (url) => {
      fetched.push(url);
      return sender.pem;
    }),
  };
}

describe('a message of SNS', () => {
  it.each(['1', '2'] as const)('is genuine with a signature of version %s, with and without a subject', async (version) => {
    const { isGenuine, fetched } = verifier();
    expect(await isGenuine(signed({}, version), now)).toBe(true);
    expect(await isGenuine(signed({ Subject: 'ALARM' }, version), now)).toBe(true);
    expect(fetched).toEqual([certificateUrl]);
  });

  it.each<[string, (message: SnsMessage) => SnsMessage]>([
    ['another text', (message) => ({ ...message, Message: 'Hello\nmoon' })],
    ['a subject put in', (message) => ({ ...message, Subject: 'x' })],
    ['no signature', (message) => ({ ...message, Signature: '' })],
    ['another topic', () => signed({ TopicArn: 'arn:aws:sns:eu-central-1:999999999999:alarms' })],
    ['an hour of age', () => signed({ Timestamp: at(now - 3_601_000) })],
    ['a time that is none', () => signed({ Timestamp: 'yesterday' })],
  ])('is not with %s', async (_what, change) => {
    expect(await verifier().isGenuine(change(signed()), now)).toBe(false);
  });

  it.each([
    'http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem',
    'https://sns.eu-central-1.amazonaws.com.attacker.example/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem',
    'https://attacker.example/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem',
    'https://user@sns.eu-central-1.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem',
    'https://sns.eu-central-1.amazonaws.com:8443/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem',
    'https://sns.us-east-1.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem',
    'https://sns.eu-central-1.amazonaws.com/other.pem',
    'https://sns.eu-central-1.amazonaws.com/a-bucket/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem',
    'no link',
  ])('never makes us fetch %s', async (link) => {
    const { isGenuine, fetched } = verifier();
    expect(await isGenuine(signed({ SigningCertURL: link }), now)).toBe(false);
    expect(fetched).toEqual([]);
  });

  it('is not with a certificate that has ended', async () => {
    expect(await verifier().isGenuine(signed({ Timestamp: at(now + 3 * 86_400_000) }), now + 3 * 86_400_000)).toBe(false);
  });
});

describe('a subscription', () => {
  it('is confirmed by the link of its own topic', async () => {
    const { isGenuine, confirm, fetched } = verifier();
    const message = signed({ Type: 'SubscriptionConfirmation', SubscribeURL: confirmUrl, Token: '233' });
    expect([await isGenuine(message, now), await confirm(message)]).toEqual([true, true]);
    expect(fetched).toEqual([certificateUrl, confirmUrl]);
  });

  it.each([
    'https://attacker.example/?Action=ConfirmSubscription',
    confirmUrl.replace('ConfirmSubscription', 'Unsubscribe'),
    confirmUrl.replace('123456789012', '999999999999'),
    '',
  ])('is not by %j', async (SubscribeURL) => {
    const { confirm, fetched } = verifier();
    expect(await confirm(signed({ Type: 'SubscriptionConfirmation', SubscribeURL, Token: '233' }))).toBe(false);
    expect(fetched).toEqual([]);
  });
});
