import type { Capacity } from '@slipway/shared/blobs';
import { Gauge, type Registry } from '@slipway/shared/metrics';

interface BlobStoreMetricsOptions {
  readonly registry: Registry;
  /** Returns the room of the blob store; undefined for a store without a bound. */
  readonly capacity: (() => Promise<Capacity>) | undefined;
}

/** Registers metrics of the blob store's disk, with the free space for this process. */
export function measureBlobStore({ registry, capacity }: BlobStoreMetricsOptions): void {
  if (!capacity) return;
  const gauge = (name: string, help: string, bytes: keyof Capacity) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const room = await capacity().catch(() => undefined);
        if (room) this.set(room[bytes]);
        else this.remove();
      },
    });
  gauge('slipway_blob_store_free_bytes', 'Free bytes on the disk of the blob store', 'freeBytes');
  gauge('slipway_blob_store_size_bytes', 'Bytes of the disk of the blob store', 'totalBytes');
}
