import { addressRow, attackOver, blocksAtMost, judged } from '../domain/login-attack.js';
import type { Place } from '../domain/place.js';
import { control } from './conduct.js';
import { countEverywhere, factsOf, hourOf, rows } from './logins.js';
import { onEveryHost, readOnHosts } from './on-hosts.js';
import { act, type Act, type Scene } from './step.js';

const firewalls = ({ hosts }: Place): string[] => hosts.map((host) => `firewall@${host}`);

/** Blocks addresses at every host; `which` are those that RUNBOOK-SPEC blocks at once, or all others over the threshold. */
export function blockAct(name: string, which: 'sure' | 'unsure', more: Pick<Act, 'approval'> & { says: string }): Act {
  const wantedOf = (scene: Scene): string[] => factsOf(scene).wanted?.[name] ?? [];
  return act({
    name,
    risk: 'destructive',
    approval: more.approval,
    command: ({ hosts }) => `sudo ufw prepend deny proto tcp from <address> to any port 80,443, on ${hosts.join(', ')}; or deny <address>; in nginx, nginx -t, and a reload`,
    when: {
      says: more.says,
      async holds(_, scene) {
        const facts = factsOf(scene);
        const counts = await countEverywhere(scene);
        const { sure, unsure, spared } = judged(counts);
        const room = blocksAtMost - (facts.tried?.length ?? 0);
        const asked = which === 'unsure' ? facts.wanted?.[name] : undefined;
        // What a person has approved is blocked and nothing else, if it still stands.
        const chosen = asked ? [...sure, ...unsure].filter(({ address }) => asked.includes(address)) : which === 'sure' ? sure : unsure;
        const wanted = chosen.filter(({ address }) => !facts.tried?.includes(address) && !facts.passed?.includes(address));
        const now = wanted.slice(0, room);
        facts.wanted = { ...facts.wanted, [name]: now.map(({ address }) => address) };
        const left = [...(wanted.length > room ? [`${wanted.length - room} more, beyond ${blocksAtMost} a run`] : []), ...spared.map(addressRow)];
        return { holds: now.length > 0, why: rows(`${now.length} addresses, with over ${attackOver} failed logins in the last hour`, [...now.map(addressRow), ...left], 60) };
      },
    },
    touches: firewalls,
    ifWorkerDies: 'check',
    async look(_, scene) {
      const found = await readOnHosts(scene.place, 'Blocks', (on, there) => on.lookAtBlocks({ place: there }));
      const isThere = wantedOf(scene).every((address) => found.every(({ inForce }) => inForce.includes(address)));
      return isThere ? { outcome: 'done', evidence: `in force: ${wantedOf(scene).join(', ')}` } : undefined;
    },
    undo: {
      says: 'lifted by itself after 1 h, from the second time on after 24 h; a person may lift it before',
      async entry(_, scene) {
        const addresses = wantedOf(scene);
        return scene.place.hosts.map((host) => ({
          kind: 'owned' as const,
          title: `Lift the blocks of ${addresses.length > 3 ? `${addresses.length} addresses` : addresses.join(', ')} at ${host}`,
          host,
          activity: 'liftBlocks',
          argument: { host, addresses },
          touches: [`firewall@${host}`],
        }));
      },
    },
    timeout: { minutes: 6, because: '50 rules, each read back' },
    async do(_, scene, onHost) {
      const { place, times, incidentId, run } = scene;
      const facts = factsOf(scene);
      const addresses = wantedOf(scene);
      if (addresses.length === 0) return { outcome: 'refused', evidence: 'nobody to block' };
      facts.tried = [...new Set([...(facts.tried ?? []), ...addresses])];
      // Who lifts a block is there before the block: one that nobody lifts would stay for ever.
      await control.keepBlocks({ hosts: place.hosts, addresses, request: { id: `${incidentId}/${run}`, hour: hourOf(times) } });
      return onEveryHost(place, onHost, (on, there) => on.blockAddresses({ place: there, addresses, incident: incidentId }));
    },
  });
}
