import type { InlineConfig } from 'vitest/node';

/** Options of every suite below this folder. Its tests run the compiled services. */
export const base = {
  resolve: { conditions: ['slipway-source'] },
  ssr: { resolve: { conditions: ['slipway-source'] } },
};

export const defaults: InlineConfig = {
  root: import.meta.dirname,
  setupFiles: ['./vitest.scratch.ts'],
  testTimeout: 120_000,
  hookTimeout: 180_000,
  // Other parts keep the machine busy while a test polls.
  expect: { poll: { timeout: 30_000 } },
};

const testsIn = (names: readonly string[]) =>
  names.map((name) => (name.endsWith('.ts') ? `src/${name}` : `src/${name}/**/*.test.ts`));

/** The files of each suite except `e2e`, which runs all other files. */
export const files = {
  /** The long suites, two files at once. */
  long: testsIn([
    ...['ci', 'clock', 'compose', 'fuzz', 'images', 'monitoring', 'supply-chain', 'templates'],
    ...['cli/checkout.test.ts', 'clients/publish-load.test.ts', 'tracing.test.ts'],
  ]),
  /** Each of these files needs the whole machine. */
  alone: testsIn(['chaos.test.ts']),
  /** Suites in namespaces without access to the Internet. */
  system: testsIn(['system', 'generators']),
};
