import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { countOpenIncidents, createMetrics } from '../src/metrics.js';

const linesOf = async (registry: Registry, name: string): Promise<string[]> => (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));

describe('what Prometheus reads', () => {
  it('has pages by channel and outcome, and their lateness', async () => {
    const { registry, pages } = createMetrics();
    pages.accepted({ kind: 'page', channel: 'email', delayMs: 40, repeat: false });
    pages.failed({ kind: 'page', channel: 'email', failure: 'may have arrived' });
    expect(await linesOf(registry, 'responder_pages_total')).toEqual([
      'responder_pages_total{kind="page",channel="email",outcome="accepted"} 1',
      'responder_pages_total{kind="page",channel="email",outcome="may have arrived"} 1',
    ]);
    expect(await linesOf(registry, 'responder_page_delay_seconds_bucket{le="0.05"')).toEqual(['responder_page_delay_seconds_bucket{le="0.05",kind="page",channel="email"} 1']);
  });

  it('has the times of people by runbook', async () => {
    const { registry, closes } = createMetrics();
    closes.closed({ runbook: 'diskSpaceCritical', severity: 'Critical', closedAs: 'recovered', resolvedAfterMs: 90_000 });
    expect(await linesOf(registry, 'responder_time_to_resolve_seconds_sum')).toEqual(['responder_time_to_resolve_seconds_sum{runbook="diskSpaceCritical",severity="Critical",closed_as="recovered"} 90']);
    expect(await linesOf(registry, 'responder_time_to_acknowledge_seconds_sum')).toEqual([]);
  });

  it('counts open incidents by level at each look, and has no number where nobody can count', async () => {
    const registry = new Registry();
    let open: () => Promise<{ severity: string; state: string; level: number }[]> = async () => [
      { severity: 'Critical', state: 'open', level: 3 }, { severity: 'Critical', state: 'open', level: 3 }, { severity: 'High', state: 'watching', level: 1 },
    ];
    countOpenIncidents(registry, () => open());
    const counted = async (): Promise<string[]> => (await linesOf(registry, 'responder_open_incidents')).filter((line) => !line.endsWith(' 0'));
    expect(await counted()).toEqual(['responder_open_incidents{severity="Critical",state="open",level="3"} 2', 'responder_open_incidents{severity="High",state="watching",level="1"} 1']);
    open = async () => [];
    expect(await counted()).toEqual([]);
    expect(await linesOf(registry, 'responder_open_incidents')).toContain('responder_open_incidents{severity="Critical",state="open",level="1"} 0');
    open = async () => Promise.reject(new Error('Temporal is away'));
    expect(await linesOf(registry, 'responder_open_incidents')).toEqual([]);
  });
});
