import { type Client, WorkflowNotFoundError } from '@temporalio/client';

import { incidentWorkflowId } from '../domain/identity.js';
import { searchAttributes } from '../domain/search-attributes.js';
import { blockId, queues } from '../workflows/names.js';

/** What is asked of the workflow that keeps a block. */
export interface BlockRequest {
  /** A second request of the same id changes nothing. */
  id: string;
  /** Length of an hour in ms; a drill has shorter ones. */
  hour: number;
}

/** What a run asks of Temporal about attacks. All are safe to repeat. */
export function attackActivities({ client }: { client: Client }) {
  return {
    /**
     * Why `cache:clear` would help an attacker: a brute-force incident of the environment is open, or nobody can say. Null if there
     * is none. By its workflow id, which the server finds at once, and not by an index that may be late.
     */
    async attackIsOpen({ environment }: { environment: string }): Promise<string | null> {
      try {
        const { status, typedSearchAttributes } = await client.workflow.getHandle(incidentWorkflowId('bruteForceAttack', environment)).describe();
        const isOpen = status.name === 'RUNNING' && typedSearchAttributes.get(searchAttributes.incidentState) !== 'closed';
        return isOpen ? 'a brute-force incident is open, and the cache holds the throttles of logins' : null;
      } catch (error) {
        return error instanceof WorkflowNotFoundError ? null : 'it is not known whether a brute-force incident is open';
      }
    },

    /** Starts or tells the workflows that lift the blocks of these addresses again, before there is a block to lift. */
    async keepBlocks({ hosts, addresses, request }: { hosts: string[]; addresses: string[]; request: BlockRequest }): Promise<void> {
      for (const host of hosts) {
        for (const address of addresses) {
          await client.workflow.signalWithStart('block', {
            workflowId: blockId(host, address),
            taskQueue: queues.incidents,
            args: [{ v: 1, host, address }],
            signal: 'block',
            signalArgs: [request],
            staticSummary: `Block of ${address} at ${host}`,
          });
        }
      }
    },
  };
}
