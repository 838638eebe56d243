import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

// The SDK allows workflow code these three of Node's modules; everything else of Node breaks determinism or the bundle.
const nodeInWorkflows = '^node:(?!assert$|url$|util$)';
const heavyInWorkflows = '^(zod|pino|pg|ioredis|execa|undici|fastify|nodemailer|luxon|yaml|commander|prom-client|uuidv7|marked|re2js)(/|$)';
const sdkOutsideWorkflows = '^@temporalio/(activity|client|worker|testing)(/|$)';

export default defineConfig(
  { ignores: ['**/node_modules/', '**/.cache/', 'bundles/', 'var/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-control-regex': 'error',
      'no-eval': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      // Commands go through the shell of src/activities, as argument lists; a program that starts others uses execa itself.
      'no-restricted-imports': ['error', { paths: [{ name: 'node:child_process', message: 'Commands run with execa and argument lists.' }] }],
    },
  },
  {
    // src/config.ts alone reads settings; these read what only a process has: its port for metrics, its cache folder, what needs no config.
    files: ['src/**/*.ts'],
    ignores: ['src/config.ts', 'src/worker.ts', 'src/setup.ts', 'src/workers/bundle.ts', 'src/cli/main.ts', 'src/activities/**'],
    rules: { 'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'The configuration is read in src/config.ts.' }] },
  },
  {
    // Runs inside the deterministic sandbox: time, randomness and IO come from Temporal or an activity.
    files: ['src/workflows/**/*.ts', 'src/domain/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: nodeInWorkflows, message: 'Workflow code must not import this module of Node.' },
            { regex: heavyInWorkflows, message: 'Workflow code must not import this library: it is not deterministic, or it bloats the bundle.' },
            { regex: sdkOutsideWorkflows, message: 'Workflow code speaks to Temporal through @temporalio/workflow.' },
            { regex: '/(activities|config|http|cli|channels|alerts|workers)/', allowTypeImports: true, message: 'Workflow code imports activities as types only.' },
          ],
        },
      ],
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'].map((name) => ({ name, message: 'Use sleep or condition of @temporalio/workflow.' })),
        ...['fetch', 'process', 'crypto', 'Buffer'].map((name) => ({ name, message: 'There is no such thing in workflow code: ask an activity.' })),
      ],
    },
  },
  {
    // Tests of hostile text look for control characters on purpose, and both index what they have just made.
    files: ['test/**/*.ts', 'sandbox/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off', 'no-control-regex': 'off' },
  },
);
