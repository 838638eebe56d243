import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { Secret } from '../config/secret.js';

const { Payload: wire } = proto.temporal.api.common.v1;

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
const encoding = Buffer.from('binary/encrypted');

/** The converter of failures that has their messages encrypted too; a bundle of workflow code needs it as well. */
export const encodedFailures = fileURLToPath(new URL('./encoded-failures.cjs', import.meta.url));

/** A payload that none of our keys opens: it was encrypted with another one, or changed on the way. */
export class PayloadUnreadable extends Error {
  override readonly name = 'PayloadUnreadable';
}

/** A codec that works at once, too: for what our processes keep themselves. */
export interface Sealing extends PayloadCodec {
  sealed(payload: Payload): Payload;
  opened(payload: Payload): Payload;
}

/**
 * Encrypts what workflows and activities are given and answer, before it leaves this process, by AES-256-GCM. `keys` are
 * 64 hexadecimal digits each: the first encrypts, any opens, so a key is replaced by putting the new one first and keeping
 * the old one until Temporal keeps nothing of its time. What came unencrypted, as from Temporal's CLI, is taken as it is.
 * Decoding throws `PayloadUnreadable`, which names the key that is missing and never the content.
 */
export function encryption(keys: readonly [Secret, ...Secret[]]): Sealing {
  const known = new Map(keys.map((secret) => {
    const key = Buffer.from(secret.reveal(), 'hex');
    // Tells which key it was without telling the key.
    return [createHash('sha256').update(key).digest('hex').slice(0, 16), key] as const;
  }));
  const [current] = known;
  if (!current) throw new Error('encryption needs a key');
  const [id, key] = current;

  function sealed(payload: Payload): Payload {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, key, nonce);
    const text = Buffer.concat([cipher.update(wire.encode(payload).finish()), cipher.final()]);
    return { metadata: { encoding, 'encryption-key-id': Buffer.from(id) }, data: Buffer.concat([nonce, text, cipher.getAuthTag()]) };
  }

  function opened(payload: Payload): Payload {
    if (!encoding.equals(payload.metadata?.['encoding'] ?? new Uint8Array())) return payload;
    const name = Buffer.from(payload.metadata?.['encryption-key-id'] ?? new Uint8Array()).toString('utf8').slice(0, 64);
    const used = known.get(name);
    if (!used) throw new PayloadUnreadable(`a payload is encrypted with the key ${JSON.stringify(name)}, which is none of encryption.keys (${[...known.keys()].join(', ')})`);
    const data = Buffer.from(payload.data ?? new Uint8Array());
    try {
      const decipher = createDecipheriv(algorithm, used, data.subarray(0, nonceBytes), { authTagLength: tagBytes });
      decipher.setAuthTag(data.subarray(data.length - tagBytes));
      return wire.decode(Buffer.concat([decipher.update(data.subarray(nonceBytes, data.length - tagBytes)), decipher.final()]));
    } catch (cause) {
      throw new PayloadUnreadable(`a payload of ${data.length} bytes was changed after it was encrypted with the key ${name}`, { cause });
    }
  }

  return {
    sealed,
    opened,
    encode: async (payloads) => payloads.map(sealed),
    decode: async (payloads) => payloads.map(opened),
  };
}

/** The encryption by the first of `keys`, or none without one. */
export function sealingOf(keys: readonly Secret[]): Sealing | undefined {
  const [first, ...older] = keys;
  return first && encryption([first, ...older]);
}

/** How payloads are written for Temporal: encrypted with the first of `keys`, or as they are without one. */
export function dataConverterOf(keys: readonly Secret[]): DataConverter | undefined {
  const sealing = sealingOf(keys);
  return sealing && { payloadCodecs: [sealing], failureConverterPath: encodedFailures };
}
