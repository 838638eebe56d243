/** What a token is good for: sending alerts and nothing else; looking; also acting on incidents; also the mode and the codec. */
export const scopes = ['alert', 'read', 'act', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** Scopes of people and of what reads for them, each with all of those before it. */
export const peoplesScopes = ['read', 'act', 'admin'] as const satisfies readonly Scope[];

/** True if a token of scope `held` is enough where `needed` is. Alerts are apart: no other scope has them, and they have no other. */
export function covers(held: Scope, needed: Scope): boolean {
  if (held === 'alert' || needed === 'alert') return held === needed;
  return peoplesScopes.indexOf(held) >= peoplesScopes.indexOf(needed);
}
