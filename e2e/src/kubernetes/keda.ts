import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { root } from '../compose/model.js';
import { measured } from './figures.js';
import type { Cluster } from './use-cluster.js';

/** Installs KEDA by the objects of its project, and waits until its metrics are served. Harmless when repeated. */
export async function installKeda(cluster: Cluster): Promise<void> {
  const objects = await readFile(join(root, '.cache', 'kubernetes', 'keda.yaml'), 'utf8');
  // The node has the images already.
  const input = objects.replaceAll('imagePullPolicy: Always', 'imagePullPolicy: IfNotPresent');
  await cluster.kubectl(['apply', '--server-side', '--filename', '-'], { input });
  // Answers only while the API server reaches KEDA's server of metrics.
  const metrics = ['get', '--raw', '/apis/external.metrics.k8s.io/v1beta1'];
  const served = vi.waitFor(
    async () => {
      expect(await cluster.unready('keda')).toEqual([]);
      await cluster.kubectl(metrics);
    },
    { timeout: 300_000, interval: 500 },
  );
  await measured('KEDA ready', served);
}
