import { type Fleet, type FleetOptions, startFleet } from '@slipway/simulator';
import { startTestBlobs } from './blobs/test-blobs.js';
import { testTopology } from './redis.js';

export interface TestFleet extends Fleet {
  /** The settings of the blob store that its services share. */
  readonly blobs: Readonly<Record<string, string>>;
}

/** Starts a fleet with the blob store of SLIPWAY_TEST_BLOBS and the Redis of SLIPWAY_TEST_REDIS, unless `options` say otherwise. */
export async function startTestFleet(options: FleetOptions): Promise<TestFleet> {
  const blobs = await startTestBlobs();
  const redis = options.redisThrough ? undefined : testTopology();
  try {
    const fleet = await startFleet({
      ...(redis && { redis }),
      ...options,
      env: {
        api: { ...blobs.env, ...options.env?.api },
        worker: { ...blobs.env, ...options.env?.worker },
      },
    });
    return {
      ...fleet,
      blobs: { BLOB_STORE: fleet.blobStore, ...blobs.env },
      async stop() {
        await fleet.stop();
        await blobs.stop();
      },
    };
  } catch (error) {
    await blobs.stop();
    throw error;
  }
}
