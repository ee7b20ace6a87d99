import { statfs } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Gauge, type Registry } from '@slipway/shared/metrics';

/** How full the disk is that the blob store lies on, as far as this process may use it. */
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
  gauge('slipway_blob_store_free_bytes', 'Room on the disk of the blob store', 'bavail');
  gauge('slipway_blob_store_size_bytes', 'Size of the disk of the blob store', 'blocks');
}
