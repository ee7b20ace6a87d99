import type { Keys, Redis } from '@slipway/shared/redis';
import { transitions } from './transition.js';

/** The build of a canceled job, which goes on at its replica as far as is known. */
export interface CanceledBuild {
  readonly jobId: string;
  readonly replica: string;
  readonly buildId: string;
}

interface CanceledBuildsOptions {
  readonly redis: Redis;
  readonly keys: Keys;
}

/** Milliseconds until another worker may try to stop a build again. */
const againMs = 3_000;
const atOnce = 100;

/** The builds of canceled jobs that their workers have not ended a second after the request. Their workers may be gone. */
export class CanceledBuilds {
  readonly #options: CanceledBuildsOptions;

  constructor(options: CanceledBuildsOptions) {
    this.#options = options;
  }

  /** Returns builds that the caller is to stop at their replicas. For some seconds, no other caller gets them. */
  async claim(): Promise<CanceledBuild[]> {
    const reply = await transitions.claimCanceled.run(this.#options, { limit: atOnce, again_ms: againMs });
    const [[, ...builds]] = reply as [[string, ...[string, string, string][]]];
    return builds.map(([jobId, replica, buildId]) => ({ jobId, replica, buildId }));
  }

  /** Notes that the replica has stopped the build, or does not have it. The worker that takes the job over ends it. */
  async stopped({ jobId }: CanceledBuild): Promise<void> {
    const { redis, keys } = this.#options;
    await redis.zrem(keys.canceledBuilds, jobId);
  }
}
