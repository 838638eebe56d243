import { defineConfig } from 'vitest/config';

/** Where .ci/run wants the results as JSON, to count them. */
const results = process.env['RESPONDER_TEST_RESULTS'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Each runbook on a whole sandbox, and whole sites that are killed and restarted: npm run test:runbooks and test:e2e, which
    // .ci/run calls after npm test.
    exclude: process.env['RESPONDER_SLOW'] ? [] : ['test/e2e/**', 'test/runbooks/**'],
    // They mostly wait for real servers.
    maxWorkers: 2,
    // The time-skipping server loses a task now and then, when a poll ends as it is answered: the product's own heartbeat timeout
    // then brings it back, after 20 s of real time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: results ? ['default', ['json', { outputFile: results }]] : ['default'],
  },
});
