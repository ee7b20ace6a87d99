import { defineConfig } from 'vitest/config';
import { base, defaults, files } from './vitest.suites.js';

/** The end-to-end suite of `npm test`, two files at once. Each test file starts its own parts on free ports, in its own folder. */
export default defineConfig({
  ...base,
  test: {
    ...defaults,
    include: ['src/**/*.test.ts'],
    exclude: Object.values(files).flat(),
    maxWorkers: 2,
  },
});
