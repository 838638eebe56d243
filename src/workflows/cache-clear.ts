import type { Place } from '../domain/place.js';
import { control } from './conduct.js';
import { type Act, act } from './step.js';

const touches = ({ environment }: Place): string[] => [`env:${environment}`];
const budget = ({ environment }: Place): string => `cache:clear@${environment}`;
const timeout = { minutes: 5, because: 'many small files, and caches that are built again' };
const fact = 'cache:clear is not safe';

/**
 * `cache:clear` by its rule (RUNBOOK-SPEC, "Limits on every act"): safe where sessions, queue and locks use another store and
 * no brute-force incident is open; else it would log people out, lose jobs and empty login throttles, so a person is asked.
 * Both at most once in 30 min per environment. Never against a poor hit rate: that is for the caller to say.
 */
export function clearCacheActs(): [Act, Act] {
  const command = (): string => 'php artisan cache:clear; rm -rf storage/framework/cache/data/*';
  return [
    act({
      name: 'Clear the cache',
      risk: 'safe',
      command,
      when: { says: 'sessions, queue and locks use another store than the cache, and no brute-force incident is open' },
      touches,
      budget,
      timeout,
      async do(on, { place, facts }) {
        // Throttles of logins are in the cache: emptied during an attack, they would let it go on. Unknown is not safe.
        const attack = await control.attackIsOpen({ environment: place.environment });
        if (attack !== null) {
          facts[fact] = attack;
          return { outcome: 'refused', evidence: attack };
        }
        const result = await on.clearCache({ place, evenIfShared: false });
        if (result.outcome === 'refused') facts[fact] = result.evidence;
        return result;
      },
    }),
    act({
      name: 'Clear the cache, with sessions, jobs or throttles in it',
      risk: 'destructive',
      command,
      when: {
        says: 'the cache shares its store with sessions, queue or locks, or a brute-force incident is open',
        async holds(_, { facts }) {
          const why = facts[fact];
          return typeof why === 'string' ? { holds: true, why } : { holds: false, why: 'it was cleared, or need not be' };
        },
      },
      touches,
      budget,
      timeout,
      do: (on, { place }) => on.clearCache({ place, evenIfShared: true }),
    }),
  ];
}
