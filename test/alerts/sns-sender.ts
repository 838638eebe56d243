import { createPrivateKey, createSign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { SnsMessage } from '../../src/alerts/sns.js';

export const topic = 'arn:aws:sns:eu-central-1:123456789012:alarms';
export const certificateUrl = 'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem';

/** A key of SNS, as far as we can have one. */
export interface SnsSender {
  /** What is behind `certificateUrl`. */
  pem: string;
  /** The signature over the fields that SNS's guide lists. */
  signature(message: Partial<SnsMessage>): string;
}

/** Makes a key and its certificate, which lasts two days. */
export async function snsSender(): Promise<SnsSender> {
  const folder = await mkdtemp(join(tmpdir(), 'responder-sns-'));
  try {
    const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    await execa('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-noenc', '-days', '2', '-subj', '/CN=sns.amazonaws.com', '-keyout', keyFile, '-out', certificateFile]);
    const key = createPrivateKey(await readFile(keyFile));
    return { pem: await readFile(certificateFile, 'utf8'), signature: (message) => signature(message, key) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function signature(message: Partial<SnsMessage>, key: KeyObject): string {
  const names = message.Type === 'Notification' ? (['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'] as const) : (['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'] as const);
  const text = names.flatMap((name) => (message[name] === undefined ? [] : [`${name}\n${String(message[name])}\n`])).join('');
  return createSign(message.SignatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256').update(text).sign(key, 'base64');
}
