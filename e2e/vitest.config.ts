import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const testsIn = (names: readonly string[]) =>
  names.map((name) => (name.endsWith('.ts') ? `src/${name}` : `src/${name}/**/*.test.ts`));

/** The files of each project except `e2e`, which runs all other files. */
const files = {
  /** Files that take minutes, several at once. */
  long: testsIn([
    ...['blobs', 'chaos', 'ci', 'clock', 'compose', 'fuzz', 'images', 'monitoring', 'redis-topologies'],
    ...['scaling', 'supply-chain', 'templates', 'cli/base-images.test.ts', 'cli/build-options.test.ts'],
    ...['bad-settings.test.ts', 'cli/blobs.test.ts', 'cli/checkout.test.ts', 'cli/demo.test.ts'],
    ...['cli/stack.test.ts', 'cli/templates.test.ts', 'clients/published'],
    ...['clients/interruptions.test.ts', 'clients/publish-load.test.ts', 'docs/durability.test.ts'],
    ...[
      'draining.test.ts',
      'busy-worker.test.ts',
      'campaigns.test.ts',
      'moved-base.test.ts',
      'tracing.test.ts',
      'worker-away.test.ts',
    ],
  ]),
  /** The first file needs the machine to itself. The simulation takes only the processor time that it leaves. */
  alone: testsIn(['chaos.test.ts', 'simulation']),
  /** Files of `e2e` that run again with their blobs in S3. */
  stores: testsIn(['batches.test.ts', 'jobs.test.ts', 'secrets-nowhere.test.ts']),
  /** Files of `e2e` that run again with their blobs in S3 and a Redis Cluster. */
  cluster: testsIn(['batches.test.ts', 'redis-restart.test.ts', 'stack.test.ts', 'webhooks.test.ts']),
  /** Files that run in namespaces without access to the Internet. */
  system: testsIn(['system', 'generators', 'helm']),
  /** Files that run a Kubernetes cluster, in the same namespaces. */
  kubernetes: testsIn(['kubernetes']),
};

/** Starts the file first that takes longest, so that all others run meanwhile. */
class LongestFirst extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const isLongest = ({ moduleId }: TestSpecification) => /\/chaos\/patient\.test\.ts$/.test(moduleId);
    const sorted = await super.sort(specifications);
    return sorted.toSorted((a, b) => Number(isLongest(b)) - Number(isLongest(a)));
  }
}

/**
 * The suites that run the compiled services from outside. `scripts/test.mjs` runs one suite at a time. Each test file starts its own
 * parts on free ports, in its own folder.
 */
export default defineConfig({
  resolve: { conditions: ['slipway-source'] },
  ssr: { resolve: { conditions: ['slipway-source'] } },
  test: {
    root: import.meta.dirname,
    setupFiles: ['./vitest.scratch.ts'],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // Other parts keep the machine busy while a test polls.
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['src/**/*.test.ts'],
          exclude: [
            ...configDefaults.exclude,
            ...files.long,
            ...files.alone,
            ...files.system,
            ...files.kubernetes,
          ],
        },
      },
      {
        extends: true,
        test: {
          name: 'stores',
          include: files.stores,
          env: { SLIPWAY_TEST_BLOBS: 's3' },
          sequence: { groupOrder: 4 },
        },
      },
      {
        extends: true,
        test: {
          name: 'cluster',
          include: files.cluster,
          env: { SLIPWAY_TEST_BLOBS: 's3', SLIPWAY_TEST_REDIS: 'cluster' },
          sequence: { groupOrder: 4 },
        },
      },
      {
        extends: true,
        // Many of these files wait, so four keep two cores busy.
        test: { name: 'long', include: files.long, maxWorkers: 4, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: { name: 'alone', include: files.alone, maxWorkers: 2, sequence: { groupOrder: 2 } },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: files.system,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // A Docker engine needs time to stop and start containers.
          expect: { poll: { timeout: 120_000, interval: 250 } },
        },
      },
      {
        extends: true,
        test: {
          name: 'kubernetes',
          include: files.kubernetes,
          globalSetup: ['./src/kubernetes/setup.ts'],
          maxWorkers: 1,
          sequence: { groupOrder: 5 },
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // A kubelet reports the state of its pods every few seconds.
          expect: { poll: { timeout: 240_000, interval: 250 } },
        },
      },
    ],
  },
});
