import { statfs } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Gauge, type Registry } from '@slipway/shared/metrics';

/** Registers metrics of the blob store's disk, with the free space for this process. */
export function measureBlobStore({ registry, url }: { registry: Registry; url: string }): void {
  const folder = fileURLToPath(url);
  const gauge = (name: string, help: string, blocks: 'bavail' | 'blocks') =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const disk = await statfs(folder).catch(() => undefined);
        if (disk) this.set(disk[blocks] * disk.bsize);
        else this.remove();
      },
    });
  gauge('slipway_blob_store_free_bytes', 'Free bytes on the disk of the blob store', 'bavail');
  gauge('slipway_blob_store_size_bytes', 'Bytes of the disk of the blob store', 'blocks');
}
