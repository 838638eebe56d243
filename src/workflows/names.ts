/** Task queues and ids that more than one program needs to know. */
export const queues = {
  /** Every workflow that is no runbook: `incident` and those that serve it. */
  incidents: 'incidents',
  /** Activities that tell people and write reports. */
  pages: 'pages',
  /** Runbook workflows, and the activities that speak to Temporal for them. */
  runs: 'runs',
  /** Activities on one AuthOS host. */
  host: (name: string) => `host:${name}`,
} as const;

/** One lock workflow for each environment: a request for several resources is then one decision, all or none. */
export const lockId = (environment: string): string => `lock/${environment}`;

/** `<incident's own id>/run/<n>`: unique for ever, so a late message can't meet another run. */
export const runId = (incidentId: string, n: number): string => `${incidentId}/run/${n}`;

export const undoId = (incidentId: string, n: number): string => `${incidentId}/undo/${n}`;

/** Keeps and lifts the block of one address at one host. */
export const blockId = (host: string, address: string): string => `block/${host}/${address}`;

/** The schedule of canaries, and the beginning of its workflows' ids. */
export const canaryId = 'canary';

/** The workflow whose memo holds the modes. */
export const modeId = 'mode';

/** The schedule of our own looks at AuthOS, and the beginning of its workflows' ids. */
export const patrolId = 'patrol';

/** The workflow that keeps silences and what they hold. */
export const silencesId = 'silences';
