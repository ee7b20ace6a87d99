import { defineConfig } from 'vitest/config';
import { base, defaults, files } from './vitest.suites.js';

/** The long suites of `npm run test:system`. */
export default defineConfig({
  ...base,
  test: {
    ...defaults,
    projects: [
      {
        extends: true,
        test: { name: 'long', include: files.long, maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: { name: 'alone', include: files.alone, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
