import type { JobStore } from '@slipway/control-plane/jobs';
import { noteSavedLog, saveLostLog, unsavedLogs } from '@slipway/control-plane/logs';
import { onlyReadable } from '@slipway/control-plane/records';
import type { BlobStore } from '@slipway/shared/blobs';
import { codeOf, isStorageCode } from '@slipway/shared/errors';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { LeaderTask } from './leader.js';

interface UnsavedLogsOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly blobs: Pick<BlobStore, 'stat' | 'stream' | 'write'>;
  readonly store: Pick<JobStore, 'getOutline'>;
  readonly logger: Logger;
}

const savedAtOnce = 20;

/** Stores logs that their workers could not store while the blob store was away, from their live streams. */
export class UnsavedLogs implements LeaderTask {
  readonly name = 'unsaved logs';
  readonly usesStore = true;
  readonly everyMs = 5_000;
  readonly #options: UnsavedLogsOptions;

  constructor(options: UnsavedLogsOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { redis, keys, logger } = this.#options;
    let saved = 0;
    for (const jobId of await unsavedLogs({ redis, keys }, savedAtOnce)) {
      if (signal.aborted) break;
      try {
        saved += await this.#save(jobId);
      } catch (error) {
        if (!isStorageCode(codeOf(error))) throw error;
        // The store is still away. The other logs wait too.
        logger.debug({ err: error, code: codeOf(error) }, 'logs cannot be stored yet');
        break;
      }
    }
    if (saved > 0) logger.info({ saved }, 'stored logs that the blob store had not taken');
  }

  /** Returns the number of logs that are stored now. */
  async #save(jobId: string): Promise<number> {
    const { redis, keys, blobs, store } = this.#options;
    const [record] = await onlyReadable([store.getOutline(jobId)]);
    const unsaved = record?.attempts.filter(({ log_error }) => log_error !== undefined) ?? [];
    let saved = 0;
    for (const { number: attempt } of unsaved) {
      const logParts = record?.logParts ?? 0;
      if (!(await saveLostLog({ redis, keys, blobs, jobId, logParts, attempt }))) continue;
      await noteSavedLog({ redis, keys }, { jobId, attempt });
      saved++;
    }
    if (saved === 0) await noteSavedLog({ redis, keys }, { jobId });
    return saved;
  }
}
