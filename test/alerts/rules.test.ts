import { describe, expect, it } from 'vitest';
import { ruleFor } from '../../src/alerts/rules.js';
import { fallback, route } from '../../src/alerts/routing.js';
import { runbooks as catalogue } from '../../src/catalogue.js';
import { inventory } from './world.js';
import { triggerSamples } from './samples.js';

const runbooks = catalogue.filter(({ type }) => type !== fallback);
const triggers = runbooks.flatMap(({ type, triggers: texts }) => texts.map((text) => [text, type] as const));

describe('routing by rules', () => {
  it.each(triggers)('takes %j to %s', (trigger, runbook) => {
    const names = triggerSamples[trigger] ?? [];
    expect(names, 'a trigger without a sample').not.toEqual([]);
    expect(names.map((alertname) => [alertname, ruleFor(alertname)?.rule.runbook])).toEqual(names.map((name) => [name, runbook]));
  });

  it('has no sample for a trigger that no runbook has', () => {
    expect(Object.keys(triggerSamples).filter((text) => !triggers.some(([trigger]) => trigger === text))).toEqual([]);
  });

  it.each([
    [{ alertname: 'DiskFull' }, /^rule 3: its name matches .*Disk/],
    [{ alertname: 'KubePodCrashLooping' }, /^no rule fits its name$/],
    [{ runbook: 'highErrorRate' }, /^the alert asks for it by name$/],
    [{ runbook: 'coffeeMachine' }, /^the alert asks for a runbook that does not exist$/],
  ])('says why: %j', (labels, why) => {
    const parsed = { status: 'firing' as const, title: 'x', description: '', labels };
    expect(route(parsed, { runbooks: catalogue, inventory, source: 'test', acceptedAt: 1 }).because).toMatch(why);
  });

  it.each(['AuthosEmail', 'AuthosLdap', 'OPcacheFull'])('leaves %s to the runbook for all others', (alertname) => {
    expect(ruleFor(alertname)).toBeUndefined();
  });
});
