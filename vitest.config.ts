import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['slipway-source'] },
  ssr: { resolve: { conditions: ['slipway-source'] } },
  test: {
    include: ['{packages,services}/*/src/**/*.test.ts'],
    globalSetup: ['./vitest.redis.ts'],
    setupFiles: ['./vitest.properties.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
