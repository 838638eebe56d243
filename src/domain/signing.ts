import * as ed25519 from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import { signedText } from './action.js';
import type { SignedAction } from './action.js';

/*
 * Ed25519 in plain JavaScript, because workflow code verifies too and may not import node:crypto. The small library of its
 * authors: each incident loads it anew, before its first page. The seed is known to the
 * HTTP server only; incidents carry the public keys.
 */

ed25519.hashes.sha512 = sha512;

/** The action with its signature over `signedText`. `seed` is 32 bytes; the same action and seed give the same signature. */
export function sign(action: Omit<SignedAction, 'signature'>, seed: Uint8Array): SignedAction {
  const signature = ed25519.sign(new TextEncoder().encode(signedText(action)), seed);
  return { ...action, signature: hex(signature) };
}

/** True if one of the public keys (hex) signed exactly this action. A malformed signature or key is false, never an exception. */
export function verified(action: SignedAction, publicKeys: string[]): boolean {
  const signature = bytes(action.signature);
  if (!signature) return false;
  const text = new TextEncoder().encode(signedText(action));
  return publicKeys.some((key) => {
    try {
      const publicKey = bytes(key);
      return publicKey !== undefined && ed25519.verify(signature, text, publicKey, { zip215: false });
    } catch {
      return false; // not a point of the curve, or not 64 bytes: somebody's invention
    }
  });
}

/** The public key of a 32-byte seed, in hex. */
export function publicKeyOf(seed: Uint8Array): string {
  return hex(ed25519.getPublicKey(seed));
}

function hex(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function bytes(text: unknown): Uint8Array | undefined {
  if (typeof text !== 'string' || !/^(?:[0-9a-f]{2})+$/.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
