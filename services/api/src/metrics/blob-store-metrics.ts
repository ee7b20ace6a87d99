import type { DiskSpace } from '@slipway/shared/blobs';
import { Gauge, type Registry } from '@slipway/shared/metrics';

interface BlobStoreMetricsOptions {
  readonly registry: Registry;
  /** Returns the space of the disk; undefined for a blob store without a disk. */
  readonly space: (() => Promise<DiskSpace>) | undefined;
}

/** Registers metrics of the blob store's disk, with the free space for this process. */
export function measureBlobStore({ registry, space }: BlobStoreMetricsOptions): void {
  if (!space) return;
  const gauge = (name: string, help: string, bytes: keyof DiskSpace) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const disk = await space().catch(() => undefined);
        if (disk) this.set(disk[bytes]);
        else this.remove();
      },
    });
  gauge('slipway_blob_store_free_bytes', 'Free bytes on the disk of the blob store', 'freeBytes');
  gauge('slipway_blob_store_size_bytes', 'Bytes of the disk of the blob store', 'totalBytes');
}
