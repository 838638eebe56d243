import { type Act, type Condition, act } from './step.js';

/**
 * `queue:restart`: workers finish their job and end. Safe only where a supervisor starts them again (the host's
 * `workersSupervised`): elsewhere it would stop the queue, so the act looks itself and refuses. After any `cache:clear`,
 * which would take the signal away again.
 */
export function queueRestartAct({ name = 'Restart the queue workers', when }: { name?: string; when?: Condition } = {}): Act {
  return act({
    name,
    risk: 'safe',
    command: () => 'php artisan queue:restart',
    when: when ?? { says: 'a supervisor starts the queue workers again' },
    touches: ({ environment }) => [`queue:${environment}`],
    timeout: { minutes: 3, because: 'artisan boots, and the signal is read back from the cache' },
    do: (on, { place }) => on.restartQueueWorkers({ place }),
  });
}
