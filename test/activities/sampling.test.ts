import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findBinary } from '../../sandbox/servers/binaries.js';
import { sampled } from '../../src/activities/sampling.js';
import type { SampleWindow, Verdict } from '../../src/domain/step.js';
import type { proveOnce } from './sampling.workflow.js';

const recovered = (evidence: string): Verdict => ({ kind: 'recovered', evidence });

let env: TestWorkflowEnvironment;
let workflowBundle: WorkflowBundle;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('WARN') });
  const path = await findBinary('temporal-test-server');
  env = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } });
  workflowBundle = await bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL('./sampling.workflow.ts', import.meta.url)) });
});
afterAll(async () => {
  await env?.teardown();
});

/** Runs a proof in a real worker; says the verdict and the server's time of each sample, relative to the start. */
async function prove(
  window: Omit<SampleWindow, 'since' | 'notBefore'> & { settle?: number },
  probe: (n: number) => Verdict | Error,
) {
  const taskQueue = `sampling-${randomUUID()}`;
  const sampledAt: number[] = [];
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue,
    workflowBundle,
    activities: {
      prove: async (asked: SampleWindow): Promise<Verdict> =>
        sampled(asked, async () => {
          sampledAt.push(await env.currentTimeMs());
          const answer = probe(sampledAt.length);
          if (answer instanceof Error) throw answer;
          return answer;
        }),
    },
  });
  const result = await worker.runUntil(
    env.client.workflow.execute<typeof proveOnce>('proveOnce', {
      taskQueue,
      workflowId: taskQueue,
      args: [{ ...window, settle: window.settle ?? 0 }],
    }),
  );
  return {
    verdict: result.verdict,
    after: sampledAt.map((at) => Math.round((at - result.startedAt) / 1000)),
    tookSeconds: Math.round(result.took / 1000),
  };
}

/** Never sooner; later by what a busy machine takes. */
function expectAt(after: number[], seconds: number[]): void {
  expect(after).toHaveLength(seconds.length);
  const late = after.map((at, n) => at - (seconds[n] ?? 0));
  expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...late)).toBeLessThanOrEqual(3);
}

describe('a proof by samples', () => {
  it("is recovered after three samples in a row, 20 s apart, of the server's time", async () => {
    const { verdict, after } = await prove({ samples: 3, every: 20_000 }, (n) => recovered(`used 7${n} %`));
    expect(verdict).toEqual({ kind: 'recovered', evidence: '3 samples in a row, 20 s apart; the last: used 73 %' });
    expectAt(after, [0, 20, 40]);
  });

  it('takes no sample before things have settled', async () => {
    const { verdict, after } = await prove({ samples: 2, every: 20_000, settle: 300_000 }, () => recovered('ok'));
    expect(verdict.kind).toBe('recovered');
    expectAt(after, [300, 320]);
  });

  it('ends at the first sample that is not recovered', async () => {
    const { verdict, after } = await prove({ samples: 3, every: 20_000 }, (n) =>
      n === 2 ? { kind: 'not recovered', evidence: 'used 91 %' } : recovered('used 70 %'),
    );
    expect(verdict).toEqual({ kind: 'not recovered', evidence: 'used 91 %' });
    expectAt(after, [0, 20]);
  });

  it('ends as unknown in the words of a probe that throws', async () => {
    const { verdict } = await prove({ samples: 3, every: 20_000 }, () => new Error('connect ECONNREFUSED 127.0.0.1:5432'));
    expect(verdict).toEqual({ kind: 'unknown', evidence: 'connect ECONNREFUSED 127.0.0.1:5432' });
  });

  it('looks on while it is merely mitigated, and ends when it gets worse', async () => {
    const mitigated: Verdict = { kind: 'not recovered', evidence: 'used 85 %', mitigated: true };
    const worse: Verdict = { kind: 'not recovered', evidence: 'used 93 %' };
    const { verdict, after } = await prove({ samples: 3, every: 900_000, whileMitigated: true }, (n) =>
      n === 4 ? worse : mitigated,
    );
    expect(verdict).toEqual(worse);
    expect(after).toEqual([0, 900, 1800, 2700]);
  });

  it('watches for as long as its samples last', async () => {
    const { verdict, after, tookSeconds } = await prove({ samples: 11, every: 60_000 }, () => recovered('ok'));
    expect(verdict.kind).toBe('recovered');
    expect(after.at(-1)).toBe(600);
    expect(tookSeconds).toBeGreaterThanOrEqual(600);
  });
});
