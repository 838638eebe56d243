import { countOpenIncidents, createMetrics } from '../../src/metrics.js';

/** Every metric that our processes export between them, by name and type. */
export function exportedMetrics(): { name: string; type: string }[] {
  const { registry } = createMetrics();
  countOpenIncidents(registry, async () => []);
  return registry.getMetricsAsArray().map(({ name, type }) => ({ name, type: String(type) }));
}
