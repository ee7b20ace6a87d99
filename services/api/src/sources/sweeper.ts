import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobStore } from '@slipway/shared/blobs';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';

interface SweeperOptions {
  readonly blobs: Pick<BlobStore, 'sweep'>;
  readonly git: { sweep(): Promise<void> };
  readonly logger: Logger;
}

const everyMs = 24 * 3600 * 1_000;

/** Removes the remains of uploads and fetches whose process died, at start and once a day. */
export function createSweeper({ blobs, git, logger }: SweeperOptions): Component {
  return {
    name: 'sweeper',
    async run(signal) {
      while (!signal.aborted) {
        try {
          await git.sweep();
          const removed = await blobs.sweep();
          if (removed > 0) logger.info({ removed }, 'removed remains of interrupted uploads');
        } catch (error) {
          logger.warn({ err: error }, 'could not remove remains of interrupted uploads');
        }
        await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      }
    },
  };
}
