import { factsOf, minutes, queue } from './queue-jobs.js';
import { step } from './step.js';

/** "Increase Worker Processes" of RUNBOOKS.md. */
export const increaseWorkerProcesses = step({
  title: 'Increase Worker Processes',
  risk: 'disruptive',
  command: ({ host }) => `numprocs in supervisor's config on ${host}, doubled and bounded by the config; supervisorctl reread; supervisorctl update`,
  when: {
    says: 'pending jobs have grown since the run began, one waits for over a minute, and client connections of the database are under 60 %',
    async holds(on, scene) {
      const { began } = factsOf(scene);
      if (!began) return { holds: false, why: 'how many were pending when the run began is not known' };
      const { holds, why, from, to } = await on.moreWorkersHelp({ place: scene.place, pendingBefore: began.pending, minute: minutes(1, scene) });
      if (from !== undefined && to !== undefined) scene.facts['workers'] = { from, to };
      return { holds, why };
    },
  },
  touches: (place) => [...queue(place), `service:workers@${place.host}`],
  settle: 'restart', // supervisor's update starts the whole group anew
  timeout: { minutes: 4, because: 'supervisor lets each worker end its job first' },
  async look(on, scene) {
    const { workers } = factsOf(scene);
    if (!workers) return undefined;
    const { done, evidence } = await on.workerCountIs({ place: scene.place, count: workers.to });
    return done ? { outcome: 'done', evidence } : undefined;
  },
  undo: {
    says: 'writes the old number of workers back by itself, if it is still ours',
    async entry(_, scene) {
      const { place } = scene;
      const { workers } = factsOf(scene);
      if (!workers) return undefined;
      return {
        kind: 'automatic',
        title: `Write numprocs = ${workers.from} back`,
        host: place.host,
        activity: 'restoreWorkerCount',
        argument: { place, ours: workers.to, old: workers.from },
        touches: [...queue(place), `service:workers@${place.host}`],
      };
    },
  },
  async do(on, scene) {
    const { workers } = factsOf(scene);
    if (!workers) return { outcome: 'refused', evidence: 'how many workers there are is not known' };
    return on.setWorkerCount({ place: scene.place, count: workers.to });
  },
});
