import { standardTimes } from '../domain/times.js';
import type { PlainAct, PlainDiagnoseStep, PlainResolveStep, PlainRunbook } from './plain.js';
import { limitsSection } from './render-times.js';

/** docs/runbooks.md: every runbook with every step, risk and timer, and the times they share. */
export function catalogueMarkdown(runbooks: readonly PlainRunbook[]): string {
  const rows = runbooks.map((runbook) => `| [${runbook.title}](#${anchor(runbook.title)}) | \`${runbook.type}\` | ${runbook.severity} | ${runbook.target} |`);
  return [
    '# Runbooks',
    '',
    'Written by `npm run docs` from the lines that the workflows run on; a check fails when it is stale. `<host>` and its like stand for what a run has in their place. Besides the locks named here, every act that changes something locks its host.',
    '',
    '| Runbook | Workflow | Severity | Target |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    ...runbooks.flatMap((runbook) => [runbookMarkdown(runbook), '']),
    limitsSection(standardTimes),
    '',
  ].join('\n');
}

/** One runbook as a chapter, its heading at level 2. */
export function runbookMarkdown(runbook: PlainRunbook): string {
  const { type, title, severity, target, triggers, impact, diagnose, resolve, recovered, prevention } = runbook;
  return [
    `## ${title}`,
    '',
    `Workflow \`${type}\` · **${severity}** · target: ${target}`,
    '',
    '**Triggers**',
    ...list(triggers),
    '',
    '**Impact**',
    ...list(impact),
    '',
    '### Who is paged',
    '',
    ...ladderLines(runbook),
    '',
    '### Diagnostic steps',
    '',
    ...(diagnose.length > 0 ? ['They run side by side. Each only reads, unless its risk is named.', '', ...diagnose.flatMap(diagnoseLines)] : ['None.', '']),
    '### Resolution steps',
    '',
    ...(resolve.length > 0
      ? ['In this order, with a look whether it has recovered after each that changed something. Proof ends them.', '', ...resolve.flatMap(resolveLines)]
      : ['None: it diagnoses, and a person decides.', '']),
    '### Proof of recovery',
    '',
    recovered ? `${sentence(recovered)}` : "None of its own: recovery is a person's judgement.",
    ...(prevention.length > 0 ? ['', '### Prevention', '', 'Follow-ups in every report:', ...list(prevention)] : []),
  ].join('\n');
}

function ladderLines({ ladder, severity }: PlainRunbook): string[] {
  const rotation = severity === 'Medium' ? 'Primary; Secondary after 5 min unacknowledged' : 'Primary; Secondary after 5 min unacknowledged, Escalation contact after 5 more';
  const first = [rotation, ...ladder.besides.map((role) => `${role} at once`), ...ladder.told.map((role) => `${role} is told, once`)].join('; ');
  return [
    '| Level | Unresolved for | Who |',
    '| --- | --- | --- |',
    `| 1 | 0 min | ${first} |`,
    ...ladder.levels.map(({ afterMinutes, role }, index) => `| ${index + 2} | ${afterMinutes} min | ${role} |`),
  ];
}

function diagnoseLines({ title, command, risk, timeout }: PlainDiagnoseStep, index: number): string[] {
  const facts = [...(risk === 'observe' ? [] : [`Risk: **${risk}**.`]), timeoutWords(timeout)];
  return [`${index + 1}. **${title}**`, ...block(command), `   ${facts.join(' ')}`, ''];
}

function resolveLines({ title, acts, byHand }: PlainResolveStep, index: number): string[] {
  const only = acts.length === 1 && acts[0]?.name === title;
  return [
    `${index + 1}. **${title}**`,
    ...acts.flatMap((act) => ['', ...(only ? [] : [`   *${act.name}*`]), ...actLines(act)]),
    ...(byHand === undefined ? [] : ['', `   By hand: ${sentence(byHand)}`]),
    '',
  ];
}

function actLines(act: PlainAct): string[] {
  const facts: [string, string | undefined][] = [
    ['Risk', `**${act.risk}**, ${approvalWords(act)}`],
    ['Only if', act.condition],
    ['If nobody answers', act.goesAheadIfDown ? 'it goes ahead if nobody is there and our own probe finds the component down' : undefined],
    ['If the worker dies', crashWords[act.ifWorkerDies]],
    ['Undo', act.undo ?? (act.risk === 'destructive' ? 'none' : undefined)],
    ['Locks', act.touches.length > 0 ? act.touches.map((resource) => `\`${resource}\``).join(', ') : undefined],
    ['Budget', act.budget === undefined ? undefined : `by itself at most once in ${minutes(standardTimes.budgetWindow)}, counted over all incidents as \`${act.budget}\``],
    ['Limit', act.onceAnIncident ? 'once an incident' : undefined],
    ['Order', act.offeredLast ? 'after every other step' : undefined],
    ['Before its check', settleWords[act.settle]],
    ['Time limit', `${act.timeout.minutes} min: ${act.timeout.because}`],
  ];
  return [...block(act.command), ...facts.flatMap(([name, value]) => (value === undefined ? [] : [`   - ${name}: ${value}`]))];
}

const crashWords: Record<PlainAct['ifWorkerDies'], string> = {
  repeat: 'it is done again',
  check: 'look first, then decide',
  ask: 'a person decides: nobody knows what was done',
};

const settleWords: Record<PlainAct['settle'], string | undefined> = {
  none: undefined,
  short: `${minutes(standardTimes.settle)} to settle`,
  restart: `${minutes(standardTimes.settleRestart)} to settle`,
};

function approvalWords({ approval, risk }: PlainAct): string {
  if (approval === 'not needed') return risk === 'observe' ? 'by itself' : 'by itself, without asking';
  return approval === 'at once' ? 'at once, without asking' : 'after approval';
}

function timeoutWords({ minutes: limit, because }: PlainDiagnoseStep['timeout']): string {
  return `Time limit ${limit} min: ${because}.`;
}

function minutes(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1_000} s`;
}

function block(command: string): string[] {
  return ['   ```', ...command.split('\n').map((line) => `   ${line}`), '   ```'];
}

function list(items: string[]): string[] {
  return items.map((item) => `- ${item}`);
}

function sentence(text: string): string {
  const [first = '', ...rest] = text;
  const whole = `${first.toUpperCase()}${rest.join('')}`;
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

// As GitHub makes anchors of headings.
function anchor(heading: string): string {
  return heading.toLowerCase().replace(/[^\p{L}\p{N} -]/gu, '').replaceAll(' ', '-');
}
