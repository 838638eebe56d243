import { defineConfig } from 'vitest/config';

/** Where .ci/run wants the results as JSON, to count them. */
const results = process.env['RESPONDER_TEST_RESULTS'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Whole sites, killed and restarted: `npm run test:e2e`, which .ci/run calls after `npm test`.
    exclude: process.env['RESPONDER_E2E'] ? [] : ['test/e2e/**'],
    // They mostly wait for real servers: one worker more than the processors that two cores give.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: results ? ['default', ['json', { outputFile: results }]] : ['default'],
  },
});
