/**
 * The suites by name: a vitest configuration and its projects. Each test file belongs to exactly one suite, and suites with
 * `repeats` run some files again. `engines`: what the setup installs for a suite; default `all`. `images`: a program that writes the
 * images of a suite, which then runs in namespaces of its own. `beside`: suites whose run it shares, because
 * it waits most of the time. CI runs all suites but those `byCommand`.
 */
export const suites = {
  unit: { config: 'vitest.config.ts', projects: ['unit'] },
  e2e: { config: 'e2e/vitest.config.ts', projects: ['e2e'] },
  long: { config: 'e2e/vitest.config.ts', projects: ['long', 'alone'] },
  stores: { config: 'e2e/vitest.config.ts', projects: ['stores', 'cluster'], repeats: true },
  redis: { config: 'vitest.config.ts', projects: ['redis 8.2', 'valkey 8.1'], repeats: true },
  engines: { config: 'vitest.config.ts', projects: ['engines'] },
  system: {
    config: 'e2e/vitest.config.ts',
    projects: ['system'],
    engines: 'docker',
    images: 'system/prepare.js',
    beside: ['stores', 'redis', 'engines'],
  },
  kubernetes: {
    config: 'e2e/vitest.config.ts',
    projects: ['kubernetes'],
    engines: 'kubernetes',
    images: 'kubernetes/prepare.js',
    byCommand: true,
  },
};
