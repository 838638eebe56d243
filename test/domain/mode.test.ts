import { describe, expect, it } from 'vitest';
import type { Mode } from '../../src/domain/messages.js';
import { defaultModes, modeFor } from '../../src/domain/mode.js';

describe('the mode of a runbook', () => {
  it.each<[Mode, Mode | undefined, Mode]>([
    ['automatic', undefined, 'automatic'],
    ['automatic', 'observe-only', 'observe-only'],
    ['automatic', 'dry-run', 'dry-run'],
    ['observe-only', undefined, 'observe-only'],
    ['observe-only', 'automatic', 'observe-only'],
    ['observe-only', 'dry-run', 'dry-run'],
    ['dry-run', 'automatic', 'dry-run'],
    ['dry-run', 'observe-only', 'dry-run'],
  ])('global %s and its own %s make %s', (global, own, result) => {
    expect(modeFor({ global, runbooks: own ? { practice: own } : {} }, 'practice')).toBe(result);
  });

  it('is automatic where nobody ever set one, and not touched by that of another runbook', () => {
    expect(modeFor(defaultModes, 'practice')).toBe('automatic');
    expect(modeFor({ global: 'automatic', runbooks: { other: 'observe-only' } }, 'practice')).toBe('automatic');
  });

  it('does not take an inherited property for a mode', () => {
    expect(modeFor(defaultModes, 'constructor')).toBe('automatic');
    expect(modeFor({ global: 'observe-only', runbooks: {} }, 'toString')).toBe('observe-only');
  });
});
