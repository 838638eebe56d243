import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuthosOptions } from '../authos/authos.js';
import { databaseDown, faults, type Fault } from '../faults/index.js';
import { certificate } from '../faults/certificate.js';
import { bruteForceAttack } from '../faults/brute-force.js';
import { outageSymptoms } from '../faults/outage-symptoms.js';
import { webhookEndpointBack } from '../faults/webhooks.js';
import { type DrillResult, respond, type Teller } from './drill.js';
import type { Script } from './responder.js';
import { openSite, type SiteOptions } from './site.js';

/** What goes wrong on one site, a site of its own: all of it at the same time. */
export interface Part {
  title: string;
  /** Their alerts come in this order. */
  faults: Fault[];
  /** What breaks with the faults: laid ready before them, reported after them. */
  symptoms?: Fault[];
}

/** How a part ended. `broke` is what kept it from its end. */
export interface PartResult {
  title: string;
  seconds: number;
  results: DrillResult[];
  broke?: string;
}

/** The whole of it: every runbook alone, then several at once that have nothing to do with each other, then a cause with its symptoms. */
export function gameDay(): Part[] {
  return [
    ...Object.values(faults).flatMap(([first]) => (first ? [{ title: first.runbook, faults: [first] }] : [])),
    { title: 'Three at once', faults: [bruteForceAttack(), certificate('certificate-not-loaded'), webhookEndpointBack()] },
    { title: 'A database outage and its symptoms', faults: [databaseDown()], symptoms: outageSymptoms() },
  ];
}

export interface GameDayOptions {
  parts: readonly Part[];
  site: Omit<SiteOptions, 'host'>;
  script: Script;
  tell: Teller;
}

/** One part after the other, each with a fresh site. One that breaks does not keep the others from their turn; an abort does, and throws. */
export async function playGameDay({ parts, site, script, tell }: GameDayOptions): Promise<PartResult[]> {
  const played: PartResult[] = [];
  for (const [index, part] of parts.entries()) {
    const startedAt = Date.now();
    tell.heading(`${index + 1} of ${parts.length}: ${part.title}`);
    const folder = join(site.folder, `part-${index + 1}`);
    const outcome = await play(part, { ...site, folder }, script, tell).catch((error: unknown) => {
      site.signal.throwIfAborted();
      const broke = error instanceof Error ? error.message : String(error);
      tell.line(`It broke: ${broke}`);
      return { results: [], broke };
    });
    played.push({ title: part.title, seconds: Math.round((Date.now() - startedAt) / 1_000), ...outcome });
  }
  return played;
}

async function play({ faults: causes, symptoms = [] }: Part, options: GameDayOptions['site'], script: Script, tell: Teller): Promise<Pick<PartResult, 'results'>> {
  const all = [...causes, ...symptoms];
  const host: Partial<AuthosOptions> = Object.assign({}, ...all.map((fault) => fault.needs?.(options.scale) ?? {}));
  const site = await openSite({ ...options, host });
  // What fails for one ends the others too: nobody follows incidents of a site that is being taken down.
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  try {
    for (const fault of [...symptoms, ...causes]) {
      tell.line(`Fault: ${fault.title}`);
      await fault.put(site.authos);
    }
    const following = all.map((fault) => respond(site, fault, fault.answers ?? script, all.length > 1 ? named(tell, fault.runbook) : tell, signal));
    return { results: await Promise.all(following).finally(() => failed.abort()) };
  } finally {
    await site.stop();
    await rm(options.folder, { recursive: true, force: true });
  }
}

function named(tell: Teller, runbook: string): Teller {
  return { line: (text) => tell.line(`${runbook}: ${text}`), heading: (text) => tell.heading(`${runbook}: ${text}`) };
}
