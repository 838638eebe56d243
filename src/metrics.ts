import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import type { PageMetrics } from './activities/pager.js';

/** What Prometheus can read of this process, at GET /metrics. Each call makes a registry of its own. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];

  const pageDelay = new Histogram({
    name: 'responder_page_delay_seconds',
    help: 'From the due time of a page to the other side accepting it.',
    labelNames: ['kind', 'channel'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800],
    registers,
  });
  const pageRepeats = new Counter({
    name: 'responder_page_repeats_total',
    help: 'Pages sent again under the same key.',
    labelNames: ['kind', 'channel'],
    registers,
  });
  const pageFailures = new Counter({
    name: 'responder_page_failures_total',
    help: 'Sends that failed, by what follows.',
    labelNames: ['kind', 'channel', 'failure'],
    registers,
  });
  const pagesToNobody = new Counter({
    name: 'responder_pages_to_nobody_total',
    help: 'Pages that reached no person at all.',
    labelNames: ['kind'],
    registers,
  });
  const pages: PageMetrics = {
    accepted({ kind, channel, delayMs, repeat }) {
      pageDelay.observe({ kind, channel }, Math.max(0, delayMs) / 1_000);
      if (repeat) pageRepeats.inc({ kind, channel });
    },
    failed: (page) => pageFailures.inc(page),
    nobody: (page) => pagesToNobody.inc(page),
  };

  return {
    registry,
    pages,
    alerts: new Counter({
      name: 'responder_alerts_total',
      help: 'Alerts accepted, by what became of them.',
      labelNames: ['source', 'runbook', 'state'],
      registers,
    }),
    refusals: new Counter({
      name: 'responder_http_refusals_total',
      help: 'Requests refused or failed, by who sent them and why.',
      labelNames: ['source', 'code'],
      registers,
    }),
    receipts: new Counter({
      name: 'responder_receipts_total',
      help: 'What became of text messages and calls, as Twilio reports it.',
      labelNames: ['channel', 'status'],
      registers,
    }),
    actions: new Counter({
      name: 'responder_actions_total',
      help: 'Actions of people, by outcome.',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    requests: new Histogram({
      name: 'responder_http_request_seconds',
      help: 'HTTP requests by route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 5, 10],
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
