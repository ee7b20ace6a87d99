import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '@slipway/control-plane/cell';
import { TemplateStore } from '@slipway/control-plane/templates';
import { type BlobStore, openBlobStore } from '@slipway/shared/blobs';
import { openSetting } from '@slipway/shared/config';
import type { Cleanups, Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Registry } from '@slipway/shared/metrics';
import { createSourceStore, SourceOwners, SourceUses } from '@slipway/source';
import type { ApiConfig } from '../config.js';
import { GitSources } from '../git/git-sources.js';
import { ContextChecks } from '../jobs/resolve/context.js';
import { measureBlobStore } from '../metrics/blob-store-metrics.js';

interface SourcesOptions {
  readonly cell: Cell;
  readonly config: ApiConfig;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
}

export type Sources = Awaited<ReturnType<typeof openSources>>;

/** Limit of unpacked bytes per byte sent. Source code packs to a tenth at best, a bomb to a thousandth. */
const maxRatio = 200;

/** Opens the blob store and creates the stores of sources and templates over it. */
export async function openSources({ cell, config, registry, logger, cleanups }: SourcesOptions) {
  const { redis, keys, now, faults } = cell;
  const { maxSourceBytes: maxBytes, maxSourceFiles: maxFiles, egressAllow } = config;
  const blobs = await openSetting('BLOB_STORE', () =>
    openBlobStore(config.blobStore, {
      ...{ logs: config.blobStoreLogs, temporaryDir: config.blobTemporaryDir },
      minFreeBytes: config.minFreeDiskBytes,
    }),
  );
  measureBlobStore({ registry, capacity: blobs.capacity });
  const uses = new SourceUses({ redis, keys });
  const owners = new SourceOwners({ redis, keys });
  const limits = { maxArchiveBytes: maxBytes, maxBytes, maxFiles, maxRatio };
  const sources = createSourceStore({ blobs, limits, claims: uses });
  const git = new GitSources({
    ...{ sources, owners, redis, keys, config: config.git, egressAllow, maxBytes, logger },
  });
  cleanups.defer('git', () => git.close());
  return {
    blobs,
    /** Limit of a source, as sent and unpacked. */
    maxPayloadBytes: maxBytes,
    sources,
    owners,
    uses,
    git,
    contexts: new ContextChecks({ sources }),
    templates: new TemplateStore({ redis, keys, now, faults }),
    sweeper: createSweeper({ blobs, git, logger }),
  };
}

interface SweeperOptions {
  readonly blobs: Pick<BlobStore, 'sweep'>;
  readonly git: { sweep(): Promise<void> };
  readonly logger: Logger;
}

const everyMs = 24 * 3600 * 1_000;
const retryMs = 10 * 60_000;

/** Removes the remains of uploads and fetches whose process died, at start and once a day, and soon again if the store is away. */
function createSweeper({ blobs, git, logger }: SweeperOptions): Component {
  return {
    name: 'sweeper',
    async run(signal) {
      while (!signal.aborted) {
        let waitMs = everyMs;
        try {
          await git.sweep();
          const removed = await blobs.sweep();
          if (removed > 0) logger.info({ removed }, 'removed remains of interrupted uploads');
        } catch (error) {
          logger.warn({ err: error }, 'could not remove remains of interrupted uploads');
          waitMs = retryMs;
        }
        await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      }
    },
  };
}
