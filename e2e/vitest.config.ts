import { defineConfig } from 'vitest/config';

/** Whole-system suites, one after another: each starts real parts of its own and may use the whole machine. */
export default defineConfig({
  resolve: { conditions: ['slipway-source'] },
  ssr: { resolve: { conditions: ['slipway-source'] } },
  test: {
    root: import.meta.dirname,
    include: ['src/**/*.test.ts'],
    // `npm run test:system`: the first needs namespaces of its own, the others take long.
    exclude: ['src/system/**', 'src/generators/**', 'src/templates/**'],
    setupFiles: ['./vitest.scratch.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    // What is polled for comes when the machine has time for it.
    expect: { poll: { timeout: 30_000 } },
  },
});
