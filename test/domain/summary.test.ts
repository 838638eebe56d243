import { defaultPayloadConverter } from '@temporalio/common';
import proto from '@temporalio/proto';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/config.js';
import { summaryOf } from '../../src/domain/summary.js';
import { sealingOf } from '../../src/payloads/encryption.js';

/** limit.userMetadataSummarySize of Temporal. */
const bytesAtMost = 400;
const { Payload } = proto.temporal.api.common.v1;

function bytesOf(text: string): number {
  const sealed = sealingOf([new Secret('ab'.repeat(32))])?.sealed(defaultPayloadConverter.toPayload(text));
  return Payload.encode(sealed ?? {}).finish().length;
}

describe('a summary', () => {
  it('of usual length is as it was', () => {
    expect(summaryOf('Disk Space Critical on app-1:/var/www')).toBe('Disk Space Critical on app-1:/var/www');
  });

  it.each(['a', '\\*', '"', '界', '💣', '\u0001'])('of many %j is what Temporal takes, encrypted too, and ends where a character does', (character) => {
    const summary = summaryOf(`On ${character.repeat(300)}`);
    expect(summary).toMatch(/^On .+…$/u);
    expect(summary).not.toMatch(/\p{Cs}/u);
    expect(bytesOf(summary)).toBeLessThanOrEqual(bytesAtMost);
  });
});
