import { configDefaults, defineConfig } from 'vitest/config';

const files = '{packages,services}/*/src/**/*';

/** The suites of tests next to their source. `scripts/test.mjs` runs one project at a time. */
export default defineConfig({
  resolve: { conditions: ['slipway-source'] },
  ssr: { resolve: { conditions: ['slipway-source'] } },
  test: {
    // Four processes share all files: a process per file spends most of its time on imports. Tests change the working
    // directory and the environment, which threads of one process share. Many tests wait, so four keep two cores busy.
    pool: 'forks',
    isolate: false,
    maxWorkers: 4,
    globalSetup: ['./vitest.redis.ts'],
    setupFiles: ['./vitest.properties.ts'],
    // A test that waits ends as soon as its condition holds. These limits are for a machine that is busy with other work.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [`${files}.test.ts`, 'bench/src/**/*.test.ts'],
          exclude: [...configDefaults.exclude, `${files}.conformance.test.ts`],
        },
      },
      // The names decide the server (vitest.redis.ts). These tests run nearly all Lua files.
      ...['redis 8.2', 'valkey 8.1'].map((name) => ({
        extends: true as const,
        test: {
          name,
          include: ['packages/control-plane/src/**/*.test.ts'],
          exclude: [...configDefaults.exclude, '**/model.test.ts', '**/accounts.test.ts'],
          sequence: { groupOrder: 2 },
        },
      })),
      {
        extends: true,
        test: {
          name: 'engines',
          include: [`${files}.conformance.test.ts`],
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
