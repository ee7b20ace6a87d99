import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['slipway-source'] },
  ssr: { resolve: { conditions: ['slipway-source'] } },
  test: {
    include: ['{packages,services}/*/src/**/*.test.ts'],
    // Two processes share all files: a process per file spends most of its time on imports. Tests change the working
    // directory and the environment, which threads of one process share.
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    globalSetup: ['./vitest.redis.ts'],
    setupFiles: ['./vitest.properties.ts'],
    // A test that waits ends as soon as its condition holds. These limits are for a machine that is busy with other work.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
