import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { exportedMetrics } from '../support/metrics.js';

const textOf = (path: string): Promise<string> => readFile(fileURLToPath(new URL(`../../deploy/${path}`, import.meta.url)), 'utf8');

interface Dashboard {
  panels: { id: number; title: string; gridPos: { x: number; y: number; w: number; h: number }; targets: { expr: string }[] }[];
}

const dashboard = JSON.parse(await textOf('grafana/responder.json')) as Dashboard;
const queries = dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));
const rules = (parse(await textOf('prometheus/rules/responder.yml')) as { groups: { rules: { alert: string; expr: string }[] }[] }).groups.flatMap((group) => group.rules.map(({ alert, expr }) => [alert, expr] as const));

/** Names as Prometheus knows them: a histogram is three series. */
const known = new Set(exportedMetrics().flatMap(({ name, type }) => (type === 'histogram' ? ['_bucket', '_sum', '_count'].map((ending) => name + ending) : [name])));
/** What an expression names of ours, and of the process it is asked of. */
const namesIn = (expr: string): string[] => expr.match(/\b(?:responder|process|nodejs)_[a-z_]+\b(?=[[{) ]|$)/g) ?? [];

describe('what deploy asks of Prometheus', () => {
  it.each([...queries, ...rules])('is there to be asked: %s', (_, expr) => {
    expect(namesIn(expr).filter((name) => !known.has(name))).toEqual([]);
    expect(namesIn(expr).length + (expr.match(/\bup\b/g) ?? []).length).toBeGreaterThan(0);
  });

  it('is on the dashboard for every metric of ours', () => {
    const shown = new Set(queries.flatMap(([, expr]) => namesIn(expr)));
    const missing = exportedMetrics().filter(({ name }) => name.startsWith('responder_') && ![...shown].some((one) => one.replace(/_(bucket|sum|count)$/, '') === name));
    expect(missing).toEqual([]);
  });

  it('has panels beside each other, each with an id of its own', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { gridPos: a, title } of panels) {
      expect(a.x + a.w, title).toBeLessThanOrEqual(24);
      for (const { gridPos: b } of panels.filter((other) => other.title !== title)) expect(a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h, title).toBe(false);
    }
  });
});
