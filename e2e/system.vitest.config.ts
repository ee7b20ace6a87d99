import { defineConfig } from 'vitest/config';
import { base, defaults, files } from './vitest.suites.js';

/** The suites of `npm run test:system` that run in namespaces, one file at a time. */
export default defineConfig({
  ...base,
  test: {
    ...defaults,
    include: files.system,
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // A Docker engine needs time to stop and start containers.
    expect: { poll: { timeout: 120_000, interval: 250 } },
  },
});
