import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from './use-cluster.js';

/**
 * Adds volumes to the cluster, for claims that name no storage class. Each is a folder of the node that belongs to the group of
 * Slipway's pods, as the root of a disk does that a kubelet mounts for them. They stay until the suite ends.
 */
export async function addVolumes(cluster: Cluster, prefix: string, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_each, at) => `${prefix}-${at}`);
  for (const name of names) {
    const folder = join(cluster.volumesFolder, name);
    await mkdir(folder, { recursive: true });
    await chown(folder, 0, 1000);
    await chmod(folder, 0o2775);
  }
  await cluster.apply(
    names.map((name) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        capacity: { storage: '100Gi' },
        accessModes: ['ReadWriteOnce'],
        hostPath: { path: join(cluster.volumesFolder, name), type: 'Directory' },
      },
    })),
  );
}
