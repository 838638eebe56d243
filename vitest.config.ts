import { defineConfig } from 'vitest/config';

/** Where .ci/run wants the results as JSON, to count them. */
const results = process.env['RESPONDER_TEST_RESULTS'];
/**
 * 1: each runbook on a whole sandbox, whole sites that are killed and restarted, and real programs: npm run test:e2e and
 * test:contract, which .ci/run calls after npm test. all: what takes too long for that, and the sandbox's own tests, too: npm run test:night.
 */
const slow = process.env['RESPONDER_SLOW'];
const slowFolders = ['test/contract/**', 'test/e2e/**', 'test/runbooks/**'];
const night = ['test/sandbox/**', 'test/e2e/crash*', 'test/runbooks/worker-killed-*', 'test/runbooks/hostile-input*', 'test/runbooks/brute-force-attack*', 'test/runbooks/patrol*', 'test/e2e/start*', 'test/e2e/temporal-killed*', 'test/e2e/stopped*', 'test/e2e/pages-killed*', 'test/e2e/waiting-pages*', 'test/contract/monitors*', 'test/contract/openapi*'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: slow === 'all' ? [] : slow ? night : [...slowFolders, ...night],
    // They mostly wait for real servers.
    maxWorkers: 3,
    // Each file has a process of its own, and they import much of the same: a quarter of the whole processor time.
    experimental: { fsModuleCache: true },
    // What hangs ends with a name; real servers on a busy machine take their time.
    testTimeout: slow ? 240_000 : 60_000,
    hookTimeout: 120_000,
    reporters: results ? ['default', ['json', { outputFile: results }]] : ['default'],
  },
});
