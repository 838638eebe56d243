import type { Severity } from './severity.js';

/** A role that can be paged. The config says who holds it; one without a holder falls back to the Escalation contact. */
export const roles = [
  'Primary',
  'Secondary',
  'Escalation contact',
  'Engineering Manager',
  'CTO',
  '24/7 Hotline',
  'Database Administrator',
  'Infrastructure Team',
  'Infrastructure Engineer',
  'Infrastructure/DevOps Engineer',
  'Security Team',
  'Security Engineer',
  'Senior Backend Engineer',
  'Backend Engineer',
  'Performance Engineer',
  'Integration Engineer',
  'Webhook endpoint owner',
] as const;
export type Role = (typeof roles)[number];

/** Who hears of an incident of this runbook while it is unresolved, and when. Level 1 is always the rotation. */
export interface Ladder {
  /** Paged at the start together with level 1, as part of it. */
  besides: Role[];
  /** Told once at the start: a notice without repeats. */
  told: Role[];
  /** Levels 2, 3 …, in minutes from time zero. */
  levels: { afterMinutes: number; role: Role }[];
}

/** What a runbook is, apart from its steps: the head and the foot of its page in RUNBOOKS.md. */
export interface Runbook {
  /** Workflow type. */
  type: string;
  /** Heading in RUNBOOKS.md. */
  title: string;
  severity: Severity;
  /** What a fingerprint's target is. */
  target: 'environment' | 'database' | 'webhook id' | 'cache store' | 'host and mount' | 'queue' | 'domain';
  triggers: string[];
  impact: string[];
  prevention: string[];
  ladder: Ladder;
}
