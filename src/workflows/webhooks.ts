import type { WebhookTest } from '../activities/webhook-api.js';
import type { Place } from '../domain/place.js';
import { reading } from './calling.js';
import type { Scene } from './step.js';

/** What steps of this runbook leave for later ones. */
interface WebhookFacts {
  /** The webhooks that this run works through, asked for once. */
  webhooks?: Promise<string[]>;
  tests?: WebhookTest[];
  retried?: Record<string, string[]>;
  /** This run has retried, or will not. */
  retryIsOver?: boolean;
  /** Of the approval of Disable Problematic Webhook. */
  toDisable?: string[];
  /** Webhooks that an earlier run or this one disabled on approval. */
  isDisabled?: boolean;
  /** Values of `.env` as they were, by key. */
  before?: Record<string, string | null>;
}

export const factsOf = ({ facts }: Pick<Scene, 'facts'>): WebhookFacts => facts;
export const id = ({ webhook }: Place): string => (webhook === undefined || webhook === 'all' ? '<each failing webhook>' : webhook);
export const webhooks = ({ environment, webhook }: Place): string[] => [`webhook:${environment}:${webhook ?? 'all'}`];

/** The webhooks of this run: one, or for a global alert those over a threshold, 20 at most. Steps side by side ask once. */
export async function failing(scene: Scene): Promise<string[]> {
  const facts = factsOf(scene);
  facts.webhooks ??= reading(scene.place.host, 'Which webhooks fail?', 1)
    .failingWebhooks({ place: scene.place })
    .then(({ data }) => data.webhooks);
  try {
    return await facts.webhooks;
  } catch (error) {
    // Asked again by the next step: the database may be back.
    delete facts.webhooks;
    throw error;
  }
}
