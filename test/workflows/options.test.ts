import { describe, expect, it, vi } from 'vitest';
import { runbooks } from '../../src/catalogue.js';
import type { Place } from '../../src/domain/place.js';
import { acting, longest, reading, waiting } from '../../src/workflows/calling.js';
import type { Act, DiagnoseStep, Procedure } from '../../src/workflows/step.js';

/* A replay does not see a changed timeout, retry, approval or time of the ladder. So they are written down here, to be read. */

// Hoisted with the mock: workflow files make proxies while they are loaded.
const { asked } = vi.hoisted(() => ({ asked: [] as object[] }));
vi.mock('@temporalio/workflow', async (load) => ({
  ...(await load<object>()),
  proxyActivities: (options: object) => {
    asked.push(options);
    return {};
  },
}));

const place: Place = {
  name: '<target>',
  environment: '<environment>',
  host: '<host>',
  hosts: ['<host>', '<other host>'],
  mount: '<mount>',
  database: '<database>',
  webhook: '<webhook>',
  queue: '<queue>',
  store: '<store>',
  domain: '<domain>',
};

function diagnosisLines({ title, risk, timeout, command }: DiagnoseStep): string[] {
  return [`D ${title}`, `    ${risk} · at most ${timeout.minutes} min a try`, `    ${command(place)}`];
}

function actLines(act: Act): string[] {
  const { name, risk, approval, ifWorkerDies, settle, timeout, undo, budget, onceAnIncident, offeredLast } = act;
  const extras = [
    act.look ? 'can look' : '',
    act.isDown ? 'has a probe of its own' : '',
    budget ? `budget ${budget(place)}` : '',
    onceAnIncident ? 'once an incident' : '',
    offeredLast ? 'offered last' : '',
    undo ? `undo: ${undo.says}` : '',
  ].filter(Boolean);
  return [
    `  ${name}`,
    `    ${risk} · approval ${approval} · crash rule ${ifWorkerDies} · settle ${settle} · at most ${timeout.minutes} min a try, ${longest(act) / 60_000} in all`,
    `    touches ${act.touches(place).join(', ') || 'nothing'}${extras.length > 0 ? ` · ${extras.join(' · ')}` : ''}`,
    `    ${act.command(place)}`,
  ];
}

function runbookLines(runbook: Procedure): string {
  const { besides, told, levels } = runbook.ladder;
  return [
    `${runbook.type} · ${runbook.severity} · per ${runbook.target}`,
    `  level 1 and ${besides.join(', ') || 'nobody else'}${told.length > 0 ? `; told: ${told.join(', ')}` : ''}`,
    ...levels.map(({ afterMinutes, role }, index) => `  level ${index + 2} after ${afterMinutes} min: ${role}`),
    ...runbook.diagnose.flatMap(diagnosisLines),
    ...runbook.resolve.flatMap((step) => [`R ${step.title}${step.byHand ? ' (by hand)' : ''}`, ...step.acts.flatMap(actLines)]),
    `P ${runbook.recovered?.says ?? "a person's judgement"}`,
    '',
  ].join('\n');
}

function optionsOf(ask: () => unknown): object | undefined {
  asked.length = 0;
  ask();
  return asked[0];
}

describe('what a replay cannot see', () => {
  it.each(runbooks.map((runbook) => [runbook.type, runbook] as const))('of %s is as it was reviewed', async (type, runbook) => {
    await expect(runbookLines(runbook)).toMatchFileSnapshot(`options/${type}.txt`);
  });

  it('of how activities are called is as it was reviewed', () => {
    const minutes = { timeout: { minutes: 7, because: '' } };
    expect({
      'a look of 7 min': optionsOf(() => reading('h', 'title', 7)),
      'an act of 7 min that may be repeated': optionsOf(() => acting('h', { name: 'act', ifWorkerDies: 'repeat', ...minutes })),
      'an act of 7 min with a look after a crash': optionsOf(() => acting('h', { name: 'act', ifWorkerDies: 'check', ...minutes })),
      'an act of 7 min that a person judges after a crash': optionsOf(() => acting('h', { name: 'act', ifWorkerDies: 'ask', ...minutes })),
      'a wait of 11 min': optionsOf(() => waiting('h', 'title', 11 * 60_000)),
    }).toMatchInlineSnapshot(`
      {
        "a look of 7 min": {
          "heartbeatTimeout": "20s",
          "retry": {
            "backoffCoefficient": 2,
            "initialInterval": "1s",
            "maximumAttempts": 3,
          },
          "scheduleToStartTimeout": "2 minutes",
          "startToCloseTimeout": 420000,
          "summary": "title",
          "taskQueue": "host:h",
        },
        "a wait of 11 min": {
          "heartbeatTimeout": "20s",
          "retry": {
            "backoffCoefficient": 1.5,
            "initialInterval": "2s",
            "maximumInterval": "30s",
          },
          "scheduleToCloseTimeout": 660000,
          "startToCloseTimeout": "2 minutes",
          "summary": "title",
          "taskQueue": "host:h",
        },
        "an act of 7 min that a person judges after a crash": {
          "heartbeatTimeout": "20s",
          "retry": {
            "backoffCoefficient": 2,
            "initialInterval": "1s",
            "maximumAttempts": 1,
          },
          "scheduleToCloseTimeout": 540000,
          "scheduleToStartTimeout": "2 minutes",
          "startToCloseTimeout": 420000,
          "summary": "act",
          "taskQueue": "host:h",
        },
        "an act of 7 min that may be repeated": {
          "heartbeatTimeout": "20s",
          "retry": {
            "backoffCoefficient": 2,
            "initialInterval": "1s",
            "maximumAttempts": 5,
          },
          "scheduleToCloseTimeout": 960000,
          "scheduleToStartTimeout": "2 minutes",
          "startToCloseTimeout": 420000,
          "summary": "act",
          "taskQueue": "host:h",
        },
        "an act of 7 min with a look after a crash": {
          "heartbeatTimeout": "20s",
          "retry": {
            "backoffCoefficient": 2,
            "initialInterval": "1s",
            "maximumAttempts": 1,
          },
          "scheduleToCloseTimeout": 540000,
          "scheduleToStartTimeout": "2 minutes",
          "startToCloseTimeout": 420000,
          "summary": "act",
          "taskQueue": "host:h",
        },
      }
    `);
  });
});

describe('the rules about acts', () => {
  const acts = runbooks.flatMap((runbook) => runbook.resolve.flatMap((step) => step.acts.map((act) => [`${runbook.type}: ${act.name}`, act] as const)));

  it.each(acts)('hold for %s', (_, act) => {
    const { risk, approval, ifWorkerDies } = act;
    const careful = risk === 'disruptive' || risk === 'destructive';
    if (!careful) expect(approval).toBe('not needed');
    if (careful) expect(['ask', 'at once']).toContain(approval);
    if (careful) expect(act.touches(place), 'an act that changes something locks it').not.toEqual([]);
    // Without a look or a condition there is nothing to check after a crash: the outcome would be unknown, and the rule a wrong promise.
    if (ifWorkerDies === 'check') expect(act.look ?? act.when?.holds, 'crash rule check needs a look').toBeDefined();
  });

  it('give each risk its crash rule, with these exceptions', () => {
    const rule = { observe: 'repeat', safe: 'repeat', disruptive: 'check', destructive: 'ask' };
    const exceptions = acts.filter(([, act]) => act.ifWorkerDies !== rule[act.risk]).map(([name, act]) => `${name}: ${act.risk}, ${act.ifWorkerDies}`);
    expect(exceptions).toMatchInlineSnapshot(`
      [
        "bruteForceAttack: Block certain attackers: destructive, check",
        "bruteForceAttack: Block suspicious addresses: destructive, check",
        "diskSpaceCritical: Delete logs older than 7 days: destructive, repeat",
        "diskSpaceCritical: Rotate logs: destructive, repeat",
      ]
    `);
  });

  it('let only these safe acts go without locks: they change nothing of the system', () => {
    const free = acts.filter(([, act]) => act.risk === 'safe' && act.touches(place).length === 0).map(([name]) => name);
    expect(free).toMatchInlineSnapshot(`
      [
        "databaseConnectionFailures: Open Disk Space Critical",
        "highErrorRate: Open Database Connection Failures",
      ]
    `);
  });

  it('let nothing but the deletion of old logs and the block of an attacker go ahead at once', () => {
    const atOnce = acts.filter(([, act]) => act.approval === 'at once').map(([name]) => name);
    expect(atOnce).toMatchInlineSnapshot(`
      [
        "bruteForceAttack: Block certain attackers",
        "diskSpaceCritical: Delete logs older than 7 days",
        "diskSpaceCritical: Rotate logs",
      ]
    `);
  });
});
