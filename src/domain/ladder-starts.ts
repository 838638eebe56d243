import { startRoles } from './ladder-moments.js';
import type { LadderPolicy, LadderState, LevelState, PagePart } from './ladder.js';

/*
 * How a level starts at another time than its own: paged early, or again after a lapse. A number at the start of a comment
 * is a point of RUNBOOK-SPEC's "People and time".
 */

/**
 * 4. Past its end, the acknowledgement is gone and the highest paged level starts again with a new round 0 at that end.
 * The same object if there is nothing to lapse. The other functions apply it by themselves: call it to record the lapse.
 */
export function lapseAcknowledgement(policy: LadderPolicy, state: LadderState, now: number): LadderState {
  const { acknowledgement, ...rest } = state;
  if (!acknowledgement || acknowledgement.lapsesAt > now) return state;
  const { lapsesAt } = acknowledgement;
  // What fell due before, in an outage or a hold, is as good as paged.
  const highest = rest.levels.findLastIndex(({ base, pagedThrough }) => pagedThrough !== undefined || base <= lapsesAt) + 1;
  const started = start(rest, { number: highest, base: lapsesAt, lastResortAt: lapsesAt + policy.times.lastResortAfter });
  // 1. Paged within the same minute, the level is not paged again: that page is the new round 0.
  return changeLevel(started, highest, (level) => {
    const justPaged = level.pagedThrough !== undefined && level.pagedThrough > lapsesAt - policy.times.sameMoment;
    return justPaged ? { ...level, pagedThrough: Math.max(level.pagedThrough ?? lapsesAt, lapsesAt) } : level;
  });
}

/** 1. Starts a level now, as paged: its own due time pages nothing more, and no other level's time moves. With its share of the page. */
export function startEarly(policy: LadderPolicy, state: LadderState, number: number, now: number): { state: LadderState; part: PagePart } {
  const levels = state.levels.map((level, index): LevelState => {
    const passedOver = index + 1 < number && level.pagedThrough === undefined;
    return passedOver ? { ...level, base: Math.min(level.base, now), pagedThrough: now } : level;
  });
  // While nobody answers, paging the last level once more must not put the last resort off.
  const counted = now + policy.times.lastResortAfter;
  const lastResortAt = state.levels.at(-1)?.acknowledged ? counted : Math.min(counted, state.lastResort.base);
  const started = start({ ...state, levels }, { number, base: now, lastResortAt });
  const { cycle, again } = started.levels[number - 1] ?? { cycle: started.cycle, again: false };
  return {
    state: changeLevel(started, number, (level) => ({ ...level, pagedThrough: now })),
    part: { level: number, round: `${cycle}.0`, roles: startRoles(policy, number, again), reason: 'early' },
  };
}

/** Gives a level a new base, and a new cycle if it was paged before. 3. The last resort follows the last level. */
function start(state: LadderState, { number, base, lastResortAt }: { number: number; base: number; lastResortAt: number }): LadderState {
  const again = state.levels[number - 1]?.pagedThrough !== undefined;
  const cycle = again ? state.cycle + 1 : state.cycle;
  const started = changeLevel({ ...state, cycle }, number, (level) => {
    return { ...level, base, again, acknowledged: false, cycle: again ? cycle : level.cycle };
  });
  const isLast = number === state.levels.length;
  if (!isLast || lastResortAt === state.lastResort.base) return started;
  return { ...started, lastResort: { base: lastResortAt, cycle: again ? cycle : state.lastResort.cycle } };
}

function changeLevel(state: LadderState, number: number, change: (level: LevelState) => LevelState): LadderState {
  return { ...state, levels: state.levels.map((level, index) => (index + 1 === number ? change(level) : level)) };
}
