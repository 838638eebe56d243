import { Context } from '@temporalio/activity';

/** How long something is waited for that comes right by itself: so many looks after the first, with `everyMs` before each. */
export interface Patience {
  again: number;
  everyMs: number;
}

/** Looks until it holds or patience is over; the last look. Ends at once when the activity is cancelled. */
export async function soon<Look>(look: () => Promise<Look>, holds: (seen: Look) => boolean, { again, everyMs }: Patience): Promise<Look> {
  for (let tries = 0; ; tries += 1) {
    const seen = await look();
    if (holds(seen) || tries >= again) return seen;
    await Context.current().sleep(everyMs);
  }
}
