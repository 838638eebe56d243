import { createHash } from 'node:crypto';
import type { AlertmanagerPayload } from './fault.js';

export interface FiringAlert {
  labels: Record<string, string> & { alertname: string };
  annotations: Record<string, string>;
  startsAt: Date;
}

/** One firing alert as Alertmanager groups and posts it. */
export function alertmanagerPayload({ labels, annotations, startsAt }: FiringAlert): AlertmanagerPayload {
  const text = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    version: '4',
    groupKey: `{}:{alertname="${labels.alertname}"}`,
    truncatedAlerts: 0,
    status: 'firing',
    receiver: 'responder',
    groupLabels: { alertname: labels.alertname },
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: 'http://alertmanager.example:9093',
    alerts: [
      {
        status: 'firing',
        labels,
        annotations,
        startsAt: startsAt.toISOString(),
        endsAt: '0001-01-01T00:00:00Z', // Go's zero time: not ended
        generatorURL: 'http://prometheus.example:9090/graph',
        fingerprint: createHash('sha256').update(text).digest('hex').slice(0, 16),
      },
    ],
  };
}
