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

/** Removes what uploads and fetches left behind that were cut off with their process: at start, and once a day. */
export function createSweeper({ blobs, git, logger }: SweeperOptions): Component {
  return {
    name: 'sweeper',
    async run(signal) {
      while (!signal.aborted) {
        try {
          await git.sweep();
          const removed = await blobs.sweep();
          if (removed > 0) logger.info({ removed }, 'removed what dead uploads had left');
        } catch (error) {
          logger.warn({ err: error }, 'what dead uploads have left was not removed');
        }
        await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      }
    },
  };
}
