import { afterAll, beforeAll, expect, test } from 'vitest';
import { dockerfile, makeContext, tarOf } from '../context.js';
import { measured } from './figures.js';
import { installRelease, type Release } from './release.js';
import { type Cluster, useCluster } from './use-cluster.js';

const namespace = 'install-test';
let cluster: Cluster;
let release: Release;

beforeAll(async () => {
  cluster = useCluster();
  release = await installRelease({ cluster, namespace });
});
afterAll(() => release?.remove());

test('`helm test` builds one function end to end', async () => {
  const shown = await measured('helm test passed', release.helm('test', 'slipway', '--logs'));
  expect(shown).toMatch(/^Phase:\s+Succeeded$/m);
});

test('rootless BuildKit in a pod builds a function with a step, and the node runs its image', async () => {
  const context = makeContext({
    Dockerfile: dockerfile(
      'RUN id -u > /built-by',
      'USER 1000:1000',
      'CMD ["/bin/busybox", "cat", "/built-by"]',
    ),
  });
  const { digest } = await release.client.uploadSource({ archive: tarOf(context) });
  const image = 'slipway-registry:5000/tests/function:1';
  const { id } = await release.client.submitJob({ spec: { image, source: { digest } } });
  const job = await measured('a function built and pushed', release.client.waitForEnd({ id }));
  expect(job).toMatchObject({ state: 'succeeded', attempts: [{ outcome: 'succeeded' }] });

  // The node knows the registry by its whole name.
  const host = `slipway-registry.${namespace}.svc.cluster.local:5000`;
  await cluster.runtime.trustRegistry(host);
  await cluster.apply([
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'function', namespace },
      spec: {
        restartPolicy: 'Never',
        containers: [{ name: 'function', image: `${host}/tests/function@${job.result?.digest}` }],
      },
    },
  ]);
  const phase = () => release.kubectl('get', 'pod', 'function', '--output', 'jsonpath={.status.phase}');
  await measured('its pod ran', expect.poll(phase).toBe('Succeeded'));
  expect(await release.kubectl('logs', 'function')).toBe('0\n');
});
