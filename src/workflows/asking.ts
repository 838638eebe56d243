import { condition as until } from '@temporalio/workflow';
import type { Ask, Asks } from '../domain/messages.js';
import type { ActReport, StepOutcome } from '../domain/step.js';
import { callFailure, reading } from './calling.js';
import { type Conduct, head, tell } from './conduct.js';
import { actorName } from '../domain/actor.js';
import type { Setting } from './act.js';
import type { Act } from './step.js';
import { skipped } from './words.js';

const day = 24 * 60 * 60_000;

/** Questions of offers that stand side by side: a person gets them in one message, once each offer knows whether it asks. */
export interface Gathering {
  ask(ask: Ask): Promise<void>;
  /** This act does not ask, or has asked. A repeat changes nothing. */
  settled(act: string): Promise<void>;
}

export function gather(conduct: Conduct, acts: string[]): Gathering {
  const waiting = new Set(acts);
  const gathered: Ask[] = [];
  const send = async (asks: Ask[]): Promise<void> => {
    const content: Asks = { ...head(conduct, 2 * day), asks, mitigated: true };
    if (asks.length > 0) await tell(conduct, 'asks', content);
  };
  const settled = async (act: string): Promise<void> => {
    if (waiting.delete(act) && waiting.size === 0) await send(gathered);
  };
  return {
    settled,
    async ask(ask) {
      // A second question of the same act, after its worker died, comes alone.
      if (!waiting.has(ask.act)) return send([ask]);
      gathered.push(ask);
      await settled(ask.act);
    },
  };
}

/**
 * Asks a person through the incident and waits for the answer. Undefined means: go ahead. The deadline is the incident's
 * to watch; a run only waits.
 */
export async function askPerson(
  conduct: Conduct,
  act: Act,
  setting: Pick<Setting, 'title' | 'offers' | 'recovered'>,
  evidence: string,
  report: ActReport,
): Promise<StepOutcome | undefined> {
  const { scene, input } = conduct;
  conduct.asks += 1;
  const ask: Ask = {
    id: `${input.run}.${conduct.asks}`,
    step: setting.title,
    act: act.name,
    command: act.command(scene.place),
    host: scene.place.host,
    risk: act.risk,
    undo: act.undo?.says ?? 'cannot be undone',
    evidence,
    expiresAt: setting.offers ? null : Date.now() + scene.times.approvalExpires,
  };
  const content: Asks = { ...head(conduct, scene.times.approvalExpires + 30 * 60_000), asks: [ask] };
  await (setting.offers ? setting.offers.ask(ask) : tell(conduct, 'asks', content));
  await until(() => conduct.decisions.has(ask.id) || conduct.stop !== undefined || setting.recovered());

  const decision = conduct.decisions.get(ask.id);
  if (!decision) return conduct.stop ? skipped('stopped', conduct.stop.reason) : skipped('already recovered');
  switch (decision.answer) {
    case 'approved':
    case 'undone':
      report.approvedBy = [...(decision.first ? [decision.first] : []), decision.by].map(actorName).join(' and ');
      return undefined;
    case 'declined':
      return skipped('declined', `by ${actorName(decision.by)}`);
    case 'expired':
      return (await mayGoAhead(conduct, act, decision.nobodyThere)) ? undefined : skipped('expired', 'nobody answered in time');
  }
}

/** RUNBOOK-SPEC, "Approval": a disruptive act, in a Critical incident, with nobody there, while our own probe finds it down. */
async function mayGoAhead(conduct: Conduct, act: Act, nobodyThere: boolean): Promise<boolean> {
  if (act.risk !== 'disruptive' || conduct.input.incident.severity !== 'Critical' || !nobodyThere || !act.isDown) return false;
  try {
    return await act.isDown(reading(conduct.scene.place.host, `Down? ${act.name}`, 2), conduct.scene);
  } catch (error) {
    callFailure(error);
    return false; // 'unknown' is not down
  }
}
