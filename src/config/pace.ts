import { z } from 'zod';
import { duration } from './duration.js';

// A send counts as unanswered after 15 s, of which the other side may take ten.
const bundleAtMostMs = 5_000;

/** How fast pages may come to a person by each channel: see `Pace`. */
export const pace = z.strictObject({
  bundle: duration.refine((ms) => ms <= bundleAtMostMs, 'must be 5s at most').optional(),
  atMost: z.strictObject({ messages: z.int().min(1).max(1_000), per: duration.refine((ms) => ms <= 3_600_000, 'must be 1h at most') }).optional(),
});
