import { z } from 'zod';
import { withExtras } from './extra-labels.js';
import { parsedBody } from './format.js';
import type { AlertFormat } from './format.js';
import { limits, line, paragraphs } from './text.js';

const heartbeat = z.looseObject({ status: z.int(), msg: z.string().nullish() });
const monitor = z.looseObject({ name: z.string(), hostname: z.string().nullish(), url: z.string().nullish() });

// server/notification-providers/webhook.js of https://github.com/louislam/uptime-kuma, content type JSON
const schema = z.looseObject({ heartbeat: heartbeat.nullish(), monitor: monitor.nullish(), msg: z.string() });

// src/util.ts there: DOWN 0, UP 1, PENDING 2, MAINTENANCE 3
const down = 0;
const up = 1;

/**
 * Uptime Kuma (notification "webhook"). The monitor's name is the alert's name. A message without a heartbeat is a test or a
 * warning of a certificate; a monitor that is pending or in maintenance says nothing.
 */
export const uptimeKuma: AlertFormat = {
  name: 'uptime-kuma',
  schema,
  parse(body) {
    const { heartbeat: beat, monitor: watched, msg, ...rest } = parsedBody('Uptime Kuma', schema, body);
    if (beat && beat.status !== down && beat.status !== up) return [];
    const certificate = !beat && /certificate/i.test(msg);
    const given = {
      alertname: line(watched?.name ?? (certificate ? 'CertificateExpiry' : 'UptimeKuma'), limits.labelValue),
      ...(watched?.hostname && { instance: watched.hostname }),
      ...(!watched?.hostname && watched?.url && URL.canParse(watched.url) && { instance: watched.url }),
    };
    return [
      {
        status: beat?.status === up ? 'resolved' : 'firing',
        title: line(msg || watched?.name || 'Alert without a name', limits.title),
        description: paragraphs(beat?.msg ?? '', limits.description),
        labels: withExtras(given, { ...rest, ...(watched && { monitor: watched }), ...(beat && { heartbeat: beat }) }, []),
      },
    ];
  },
};
