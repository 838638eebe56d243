import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CanaryMetrics } from './activities/canary.js';
import type { PageMetrics } from './activities/pager.js';
import type { ReportMetrics } from './activities/reports.js';
import { severities } from './domain/severity.js';

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
  const pagesSent = new Counter({
    name: 'responder_pages_total',
    help: 'Sends by outcome: accepted, or what follows a failure.',
    labelNames: ['kind', 'channel', 'outcome'],
    registers,
  });
  const pagesToNobody = new Counter({
    name: 'responder_pages_to_nobody_total',
    help: 'Pages for which the config has nobody with an address: they are only in the log.',
    labelNames: ['kind'],
    registers,
  });
  const unreached = new Counter({
    name: 'responder_pages_unreached_total',
    help: 'Tries more than a minute after the due time after which none of the people of a page was reached.',
    labelNames: ['kind'],
    registers,
  });
  const lastResort = new Counter({
    name: 'responder_last_resort_pages_total',
    help: 'Pages of the last resort: everybody was paged and nobody answers. By severity of the incident.',
    labelNames: ['incident_severity'],
    registers,
  });
  // Prometheus sees no increase in a series that begins at 1.
  for (const kind of ['page', 'ask', 'notice'] as const) for (const counter of [pagesToNobody, unreached]) counter.inc({ kind }, 0);
  for (const incident_severity of severities) lastResort.inc({ incident_severity }, 0);
  const pages: PageMetrics = {
    accepted({ kind, channel, delayMs, repeat }) {
      pagesSent.inc({ kind, channel, outcome: 'accepted' });
      pageDelay.observe({ kind, channel }, Math.max(0, delayMs) / 1_000);
      if (repeat) pageRepeats.inc({ kind, channel });
    },
    failed: ({ kind, channel, failure }) => pagesSent.inc({ kind, channel, outcome: failure }),
    nobody: (page) => pagesToNobody.inc(page),
    unreached: (page) => unreached.inc(page),
    lastResort: ({ severity }) => lastResort.inc({ incident_severity: severity }),
  };

  // From a minute to a day: people's time, not machines'.
  const buckets = [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400];
  const toAcknowledge = new Histogram({
    name: 'responder_time_to_acknowledge_seconds',
    help: 'From the alert to the first acknowledgement, of incidents that closed.',
    labelNames: ['runbook', 'severity'],
    buckets,
    registers,
  });
  const toResolve = new Histogram({
    name: 'responder_time_to_resolve_seconds',
    help: 'From the alert to the close, by how it closed.',
    labelNames: ['runbook', 'severity', 'closed_as'],
    buckets,
    registers,
  });
  const closes: ReportMetrics = {
    closed({ runbook, severity, closedAs, resolvedAfterMs, acknowledgedAfterMs }) {
      toResolve.observe({ runbook, severity, closed_as: closedAs }, Math.max(0, resolvedAfterMs) / 1_000);
      if (acknowledgedAfterMs !== undefined) toAcknowledge.observe({ runbook, severity }, Math.max(0, acknowledgedAfterMs) / 1_000);
    },
  };

  return {
    registry,
    pages,
    closes,
    canary: canaryMetrics(registers),
    alerts: new Counter({
      name: 'responder_alerts_total',
      help: 'Alerts accepted, by what became of them.',
      labelNames: ['source', 'runbook', 'state'],
      registers,
    }),
    spool: {
      entries: new Gauge({ name: 'responder_spool_entries', help: 'Incidents whose alerts wait for Temporal.', registers }),
      away: new Gauge({ name: 'responder_temporal_away', help: '1 while alerts wait because Temporal takes none.', registers }),
      setAside: new Counter({ name: 'responder_spool_set_aside_total', help: 'Entries that Temporal refuses for ever.', registers }),
      unwritable: new Counter({ name: 'responder_spool_unwritable_total', help: 'Writes of the spool that failed.', registers }),
    },
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

function canaryMetrics(registers: Registry[]): CanaryMetrics {
  const canaries = new Counter({
    name: 'responder_canaries_total',
    help: 'Canaries by how they ended.',
    labelNames: ['outcome'],
    registers,
  });
  const deliveredAt = new Gauge({
    name: 'responder_canary_delivered_timestamp_seconds',
    help: 'When a canary was last delivered, or this process started; 0 if none is expected.',
    registers,
  });
  const interval = new Gauge({
    name: 'responder_canary_interval_seconds',
    help: 'How often a canary is expected; 0 if none is.',
    registers,
  });
  return {
    expected(everyMs) {
      interval.set(everyMs / 1_000);
      for (const outcome of ['delivered', 'page failed', 'ping failed'] as const) canaries.inc({ outcome }, 0);
      deliveredAt.setToCurrentTime();
    },
    ended(outcome) {
      canaries.inc({ outcome });
      if (outcome === 'delivered') deliveredAt.setToCurrentTime();
    },
  };
}

export type Metrics = ReturnType<typeof createMetrics>;

/** What the count of open incidents needs to know of one. */
interface OpenIncident {
  severity: string;
  level: number;
  state: string;
}

/** Counts open incidents anew at each scrape. Where Temporal does not answer there is no count: 0 would be a good word. */
export function countOpenIncidents(registry: Registry, list: () => Promise<readonly OpenIncident[]>): void {
  new Gauge({
    name: 'responder_open_incidents',
    help: 'Open incidents by severity, state and the level that was paged last.',
    labelNames: ['severity', 'state', 'level'],
    registers: [registry],
    async collect() {
      const open = await list().catch(() => undefined);
      this.reset();
      if (open === undefined) return;
      // So that a quiet night is a 0 and not a gap.
      for (const severity of severities) this.set({ severity, state: 'open', level: '1' }, 0);
      for (const { severity, state, level } of open) this.inc({ severity, state, level: `${level}` });
    },
  });
}
