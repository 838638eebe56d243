import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { runbooks } from '../src/catalogue.js';
import { automationNames, plainRunbook } from '../src/catalogue/plain.js';
import { catalogueMarkdown } from '../src/catalogue/render.js';
import { incidentWorkflowId } from '../src/domain/identity.js';
import * as workflows from '../src/workflows/index.js';
import { pending, stepTitles } from './catalogue.titles.js';

const known = runbooks.map(({ type }) => type);
const acts = runbooks.flatMap((runbook) =>
  plainRunbook(runbook).resolve.flatMap((step) => step.acts.map((act) => ({ at: `${runbook.type}/${step.title}/${act.name}`, ...act }))),
);

describe('the catalogue', () => {
  it('lists every workflow of the run worker and no other', () => {
    expect(known.toSorted()).toEqual(Object.keys(workflows).sort());
  });

  it('names each runbook as its workflow function is called', () => {
    for (const [name, workflow] of Object.entries(workflows)) expect(workflow.name).toBe(name);
  });

  it('knows all 87 steps of the text, or says which runbooks are to come', () => {
    const steps = Object.values(stepTitles).flatMap(({ diagnose, resolve }) => [...diagnose, ...resolve]);
    expect(steps).toHaveLength(87);
    expect(Object.keys(stepTitles).filter((type) => !known.includes(type)).toSorted()).toEqual(pending.toSorted());
  });

  it.each(runbooks.filter(({ type }) => type in stepTitles))("has every step of $type under the text's title, in its order", (runbook) => {
    expect({ title: runbook.title, diagnose: runbook.diagnose.map(({ title }) => title), resolve: runbook.resolve.map(({ title }) => title) }).toEqual(
      stepTitles[runbook.type],
    );
  });

  it('keeps nothing but data in the JSON', () => {
    for (const runbook of runbooks) {
      const plain = plainRunbook(runbook);
      expect(JSON.parse(JSON.stringify(plain))).toEqual(plain);
    }
  });

  it.each(acts)('never lets $at lose data unasked, unless the text says at once', ({ risk, approval }) => {
    if (risk === 'observe' || risk === 'safe') expect(approval).not.toBe('at once');
    else expect(['ask', 'at once']).toContain(approval);
  });

  it.each(acts)('gives a reason for the time limit of $at, and a lock for what it disturbs', ({ timeout, risk, touches }) => {
    expect(timeout.because).not.toBe('');
    expect(timeout.minutes).toBeGreaterThan(0);
    if (risk === 'disruptive' || risk === 'destructive') expect(touches).not.toEqual([]);
  });

  it('acts without asking on what loses data only where the text says immediately', () => {
    const allowed = ['diskSpaceCritical/Clear Old Logs', 'bruteForceAttack/Block Attacking IPs'];
    const unasked = acts.filter(({ risk, approval }) => risk === 'destructive' && approval !== 'ask').map(({ at }) => at.split('/').slice(0, 2).join('/'));
    expect([...new Set(unasked)].filter((at) => !allowed.includes(at))).toEqual([]);
    expect(unasked).toContain('diskSpaceCritical/Clear Old Logs');
  });

  it('shows no value of an inventory, only placeholders', () => {
    for (const act of acts) for (const resource of act.touches) expect(resource).toContain('<');
  });

  it('gives the config the steps that its automation may name', () => {
    expect(automationNames(runbooks)).toContainEqual({ type: 'diskSpaceCritical', steps: stepTitles['diskSpaceCritical']?.resolve });
  });

  it('has names that make workflow ids', () => {
    for (const type of known) expect(incidentWorkflowId(type, 'app-1:/var')).toBe(`incident/${type}/app-1~var`);
  });
});

describe('docs/runbooks.md', () => {
  const page = catalogueMarkdown(runbooks.map(plainRunbook));

  it('is what the catalogue says now', async () => {
    expect(await readFile(new URL('../docs/runbooks.md', import.meta.url), 'utf8')).toBe(page);
  });

  it('has every step, command and condition', () => {
    for (const { diagnose, resolve } of runbooks.map(plainRunbook)) {
      for (const { title } of [...diagnose, ...resolve]) expect(page).toContain(`**${title}**`);
      for (const act of resolve.flatMap((step) => step.acts)) {
        expect(page).toContain(act.command.split('\n')[0]);
        if (act.condition) expect(page).toContain(act.condition);
      }
    }
  });

  it('gives each duration its name, value and purpose', () => {
    expect(page).toContain('| `roundEvery` | 15 min |');
    expect(page).toContain('| `undoWaits` | 7 d |');
    expect(page).toContain('| `samples` | 3 |');
  });

  it('is written by npm run docs, and its check refuses a stale one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'responder-docs-'));
    const file = join(folder, 'runbooks.md');
    const docs = (...words: string[]) => execa('node', ['--import', 'tsx', 'scripts/docs.ts', ...words, folder], { cwd: new URL('..', import.meta.url), reject: false });
    try {
      expect((await docs()).exitCode).toBe(0);
      expect((await docs('--check')).exitCode).toBe(0);
      await appendFile(file, 'edited by hand');
      expect(await docs('--check')).toMatchObject({ exitCode: 1, stderr: `${file} is stale: npm run docs writes it again.` });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
