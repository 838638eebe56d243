import type { Authos, AuthosOptions } from '../authos/authos.js';

/** What Alertmanager posts to a webhook: version 4 of its payload. */
export interface AlertmanagerPayload {
  version: '4';
  groupKey: string;
  truncatedAlerts: number;
  status: 'firing' | 'resolved';
  receiver: string;
  groupLabels: Record<string, string>;
  commonLabels: Record<string, string>;
  commonAnnotations: Record<string, string>;
  externalURL: string;
  alerts: AlertmanagerAlert[];
}

export interface AlertmanagerAlert {
  status: 'firing' | 'resolved';
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  generatorURL: string;
  fingerprint: string;
}

/** Something that goes wrong in a sandbox for real, as one runbook expects it, and how to tell that it is over. */
export interface Fault {
  /** Kebab-case. */
  readonly name: string;
  /** Workflow type of the runbook that cures it. */
  readonly runbook: string;
  readonly title: string;
  /** What the sandbox must have for it, beyond its standard; `scale` is the drill's. */
  needs?: (scale: number) => Partial<AuthosOptions>;
  /** Puts the fault in. Throws if it does not show afterwards. */
  put(authos: Authos): Promise<void>;
  /** What Alertmanager would send for it, with figures of this moment. */
  alert(authos: Authos): Promise<AlertmanagerPayload>;
  /** Measures anew whether the fault is gone and nothing was lost on the way. Leaves nothing behind. */
  over(authos: Authos): Promise<{ over: boolean; evidence: string }>;
  /** What the person of a drill answers where this fault's cure needs one; undefined leaves the question open. */
  answers?: (act: string) => { approve: boolean; reason: string } | undefined;
  /** What a person cures with their own hands once the incident is mitigated or a run has ended without a cure; resolves to it in words. */
  byHand?: (authos: Authos) => Promise<string>;
  /** Its source says 'resolved' after that: without it nobody can tell. */
  sourceResolves?: boolean;
}
