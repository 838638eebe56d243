import { randomUUID } from 'node:crypto';
import { utils as ed25519 } from '@noble/ed25519';
import { route, type RoutedAlert } from '../alerts/routing.js';
import { runbooks } from '../catalogue.js';
import type { Config } from '../config.js';
import type { IncidentView } from '../domain/incident.js';
import type { Runbook } from '../domain/runbook.js';
import { publicKeyOf, sign } from '../domain/signing.js';
import type { StepOutcome } from '../domain/step.js';
import { standardDeadlines } from '../http/temporal-calls.js';
import { temporalIntake } from '../http/temporal-intake.js';
import { recentIds } from '../http/temporal-search.js';
import { nobody } from '../activities/page-recipients.js';
import { rolesOf } from '../roster/roster.js';
import { acknowledgements, type Scenario } from './scenario.js';
import type { SimulatedAct, SimulatedPage, Simulation } from './simulation.js';
import { openSimulatedWorld, type SimulatedWorld } from './world.js';

export interface SimulationRequest {
  config: Config;
  runbook: string;
  /** Name in the inventory; the first that fits without it. */
  target?: string | undefined;
  scenario: Scenario;
  /** What the person called it, for the result. */
  scenarioName: string;
  /** When it begins, ms since the epoch: not in the past, since the server's clock is skipped to it. Now without it. */
  at?: number | undefined;
  hours: number;
  /** Hears now and then how far it is. */
  onProgress?: (line: string) => void;
  /** Ends it before its time. */
  signal?: AbortSignal;
}

/** There is no such runbook or target; the message says which there are. */
export class NotThere extends Error {
  override readonly name = 'NotThere';
}

/**
 * One incident with today's config on skipped time, by the code that runs at night: intake, incident, ladder, roster, pages, run,
 * questions and locks. No message leaves, and no host is asked. Throws `NotThere`, the signal's reason, or an Error in words where
 * Temporal's test server can't be started.
 */
export async function simulate(request: SimulationRequest): Promise<Simulation> {
  const { config, scenario, onProgress = () => undefined, signal = new AbortController().signal } = request;
  const routedAt = (acceptedAt: number): RoutedAlert => routed(request, acceptedAt);
  routedAt(Date.now()); // what is wrong with it is said at once
  let begunAt = Number.POSITIVE_INFINITY;
  const recovered = (now: number): boolean => scenario.kind === 'recovers-at' && now >= begunAt + scenario.afterMs;
  const world = await openSimulatedWorld({ config, recovered, onProgress, signal });
  try {
    const ahead = (request.at ?? 0) - (await world.now());
    if (ahead > 0) await world.pass(ahead);
    begunAt = await world.now();
    const until = begunAt + request.hours * 3_600_000;
    const telling = tellHowFar(world, { begunAt, until }, onProgress);
    try {
      const alert = routedAt(begunAt);
      const view = await play(world, { alert, config, scenario, begunAt, until });
      return resultOf(request, view, { world, alert, begunAt, until });
    } finally {
      clearInterval(telling);
    }
  } finally {
    await world.close();
  }
}

function routed({ config, runbook: type, target }: SimulationRequest, acceptedAt: number): RoutedAlert {
  const runbook = runbooks.find((one) => one.type === type);
  if (!runbook) throw new NotThere(`there is no runbook ${JSON.stringify(type)}. There are ${runbooks.map((one) => one.type).join(', ')}.`);
  const parsed = { status: 'firing' as const, runbook: type, title: runbook.triggers[0] ?? runbook.title, description: '', labels: {} };
  const context = { runbooks, inventory: config, source: 'simulation', acceptedAt };
  const meant = route({ ...parsed, ...(target !== undefined && { target }) }, context);
  if (meant.alert.targetIsClear) return meant;
  const guess = firstTarget(runbook, meant);
  if (target !== undefined) throw new NotThere(`${JSON.stringify(target)} is no ${runbook.target} of the config; one is ${guess}.`);
  return route({ ...parsed, target: guess }, context);
}

/** Where several would do, the place of an unclear alert is a guess: the first of them. */
function firstTarget({ target }: Runbook, { place }: RoutedAlert): string {
  if (target === 'environment') return place.environment;
  if (target === 'host and mount') return `${place.host}:${place.mount ?? '/'}`;
  return `${place.environment}:${place.database ?? place.store ?? place.queue ?? place.domain ?? place.webhook ?? ''}`;
}

async function play(
  world: SimulatedWorld,
  { alert, config, scenario, begunAt, until }: { alert: RoutedAlert; config: Config; scenario: Scenario; begunAt: number; until: number },
): Promise<IncidentView> {
  const seed = ed25519.randomSecretKey();
  const { accept } = temporalIntake({ client: world.client, config, publicKeys: [publicKeyOf(seed)], deadlines: standardDeadlines, recent: recentIds(1) });
  const { workflowId } = await accept(alert);
  const { acknowledgementLapses, minute } = config.times;
  const to = async (at: number): Promise<void> => world.pass(Math.max(1, at - (await world.now())));
  for (const after of acknowledgements(scenario, { lapsesMs: acknowledgementLapses, minuteMs: minute, until: until - begunAt })) {
    await to(begunAt + after);
    const person = world.sent.find(({ message }) => message.kind === 'page' && message.person.id !== nobody)?.message.person.id;
    if (person === undefined) continue; // nobody was reached, so nobody acknowledges
    const { incident } = await world.query<IncidentView>(workflowId, 'show');
    const at = begunAt + after;
    const roles = config.permissions && rolesOf(config.roster, person, at);
    const action = sign({ v: 1, id: randomUUID(), incidentId: incident.id, person, via: 'cli', at, action: { kind: 'acknowledge' }, ...(roles && { roles }) }, seed);
    await world.client.workflow.getHandle(workflowId).signal('acknowledge', action);
  }
  await to(until);
  return world.query<IncidentView>(workflowId, 'show');
}

/** A word every second, from the second one on. */
function tellHowFar(world: SimulatedWorld, { begunAt, until }: { begunAt: number; until: number }, onProgress: (line: string) => void): NodeJS.Timeout {
  const startedAt = performance.now();
  const minutes = (ms: number): number => Math.floor(ms / 60_000);
  return setInterval(() => {
    if (performance.now() - startedAt < 2_000) return;
    world.now().then(
      (now) => onProgress(`… ${minutes(now - begunAt)} of ${minutes(until - begunAt)} min have passed`),
      () => undefined, // it is being closed
    );
  }, 1_000);
}

function resultOf(
  { runbook, scenarioName, config }: SimulationRequest,
  view: IncidentView,
  { world, alert, begunAt, until }: { world: SimulatedWorld; alert: RoutedAlert; begunAt: number; until: number },
): Simulation {
  const { state, level, waitingFor, closedAt, closedAs, nextPage } = view;
  const steps = view.runs.flatMap(({ n, steps: all }) => all.flatMap(({ title, phase, acts }) => acts.map((act) => ({ run: n, step: title, phase, ...act }))));
  return {
    runbook,
    title: alert.runbook.title,
    target: alert.alert.target,
    severity: alert.alert.severity,
    scenario: scenarioName,
    at: begunAt,
    until,
    // What is due at the very end has left for some and not for others when it is looked at.
    pages: world.sent.filter(({ at }) => at < until).map((sent) => pageOf(sent, view, config)),
    looks: steps.filter(({ phase, run }) => phase === 'diagnose' && run === 1).map(({ outcome }) => words(outcome)),
    acts: steps.filter(({ phase }) => phase === 'resolve').map(({ run, startedAt, step, act, risk, outcome }): SimulatedAct => ({ run, startedAt, step, act, risk, outcome: words(outcome) })),
    asks: view.asks.map(({ id, step, act, command, risk, askedAt, expiresAt, answer }) => ({ id, step, act, command, risk, askedAt, expiresAt, ...(answer && { answer }) })),
    runs: view.runs.map(({ n, kind, startedAt, endedAt, end }) => ({ n, kind, startedAt, ...(endedAt !== undefined && { endedAt }), ...(end && { end }) })),
    timeline: view.timeline,
    problems: [...new Set(view.timeline.filter(({ what }) => what === 'problem').map(({ text }) => text))],
    end: { state, level, waitingFor, ...(closedAt !== undefined && { closedAt }), ...(closedAs && { closedAs }), ...(nextPage && { nextPage }) },
  };
}

function pageOf({ at, channel, message }: SimulatedWorld['sent'][number], { pages }: IncidentView, { people }: Config): SimulatedPage {
  const { key, kind, person, subject, late } = message;
  const name = people[person.id]?.name;
  const why = pages.find((page) => page.key === key)?.why;
  return { at, kind, person: person.id, ...(name !== undefined && { name }), channel, address: person.address, subject, late, ...(why !== undefined && { why }) };
}

function words(outcome: StepOutcome): string {
  switch (outcome.kind) {
    case 'done':
      return outcome.evidence;
    case 'skipped':
      return `skipped (${outcome.reason})${outcome.detail === '' ? '' : `: ${outcome.detail}`}`;
    case 'failed':
      return `failed: ${outcome.message}`;
    case 'unknown':
      return `unknown: ${outcome.because}`;
  }
}
