/** Who did something: a person of the config over our HTTP API, an operator with access to Temporal, or the automation itself. */
export type Actor =
  | { kind: 'person'; person: string; via: 'cli' | 'http' | 'link' | 'chat' | 'console' }
  /** Somebody with access to the Temporal namespace. Recorded, but nobody we know: see docs/security.md. */
  | { kind: 'unverified'; via: 'temporal' }
  | { kind: 'automation'; part: 'ladder' | 'incident' | 'run' | 'undo' | 'intake' };

/** The actor as one phrase for a timeline: `alice (cli)`, `via Temporal, unverified`, `ladder`. */
export function actorName(actor: Actor): string {
  switch (actor.kind) {
    case 'person':
      return `${actor.person} (${actor.via})`;
    case 'unverified':
      return 'via Temporal, unverified';
    case 'automation':
      return actor.part;
  }
}
