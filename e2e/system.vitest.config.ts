import { defineConfig } from 'vitest/config';

/** docker-compose.yml on a Docker engine, and generated clients; run by `npm run test:system`, which makes images and namespaces. */
export default defineConfig({
  resolve: { conditions: ['slipway-source'] },
  ssr: { resolve: { conditions: ['slipway-source'] } },
  test: {
    root: import.meta.dirname,
    include: ['system', 'generators', 'templates'].map((suite) => `src/${suite}/**/*.test.ts`),
    setupFiles: ['./vitest.scratch.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Docker engines need time to stop and start containers beside other load.
    expect: { poll: { timeout: 120_000, interval: 250 } },
  },
});
