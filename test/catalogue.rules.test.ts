import { describe, expect, it } from 'vitest';
import { runbooks } from '../src/catalogue.js';
import { standardTimes } from '../src/domain/times.js';
import type { Act, Procedure } from '../src/workflows/step.js';
import { actRules, ladders, safeDiagnoses } from './catalogue.rules.js';
import { walk } from './domain/ladder-walk.js';

const byType = runbooks.map((runbook) => [runbook.type, runbook] as const);

/** Who is paged for the first time when, by the ladder of the code, if nobody ever answers. */
function firstPages({ ladder, severity }: Procedure): Record<number, string[]> {
  const { sent } = walk({ policy: { ladder, severity, times: standardTimes }, until: 4 * 60 * standardTimes.minute });
  const pages: Record<number, string[]> = {};
  const seen = new Set<string>();
  for (const { at, page } of sent) {
    for (const { level, roles } of page.parts) {
      const fresh = roles.filter((role) => !seen.has(`${level} ${role}`));
      for (const role of fresh) seen.add(`${level} ${role}`);
      if (fresh.length > 0) (pages[at / standardTimes.minute] ??= []).push(...fresh);
    }
  }
  return pages;
}

function ruleOf({ risk, approval, ifWorkerDies, onceAnIncident, offeredLast, isDown, budget, undo }: Act): string {
  const usual = { observe: 'repeat', safe: 'repeat', disruptive: 'check', destructive: 'ask' }[risk];
  const departs = [
    approval === 'at once' && 'at once',
    ifWorkerDies !== usual && ifWorkerDies,
    onceAnIncident && 'once',
    offeredLast && 'last',
    budget && 'budget',
    isDown && 'probe',
    undo && 'undo',
  ];
  return [risk, ...departs.filter(Boolean)].join(', ');
}

describe('what is binding', () => {
  it.each(byType)('about who hears of %s, and when', (type, runbook) => {
    const { severity, told = [], firstPages: wanted } = ladders[type]!;
    expect({ severity: runbook.severity, told: runbook.ladder.told, firstPages: firstPages(runbook) }).toEqual({ severity, told, firstPages: wanted });
  });

  it.each(byType)('about what the steps of %s may do', (type, runbook) => {
    expect(Object.fromEntries(runbook.resolve.map(({ title, acts }) => [title, acts.map(ruleOf)]))).toEqual(actRules[type]);
  });

  it('about diagnosing: it only looks, with two exceptions that are safe', () => {
    const more = runbooks.flatMap(({ diagnose }) => diagnose).filter(({ risk }) => risk !== 'observe');
    expect(more.map(({ title, risk }) => [title, risk]).toSorted()).toEqual(safeDiagnoses.map((title) => [title, 'safe']));
  });
});
