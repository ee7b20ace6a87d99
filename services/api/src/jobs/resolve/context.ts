import { hash } from 'node:crypto';
import type { JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import {
  type ContextFiles,
  checkIgnoreFile,
  findDockerfile,
  layeredContext,
  layersOf,
  type SourceReader,
} from '@slipway/source';
import { LRUCache } from 'lru-cache';

/** Errors of a check of a build context. */
export const contextErrors = ['dockerfile_invalid', 'ignore_file_invalid'] as const;

type Files = Pick<JobSpec, 'source' | 'template'>;

/** Limit of an ignore file checked on submission. Parsing a larger one would block the process; the builder checks it. */
const maxIgnoreBytes = 32 * 1024;

/** Limit of remembered valid contexts. Their files never change. */
const remembered = 10_000;

/** Checks the files of jobs by the rules of the builder, before the jobs are accepted. */
export class ContextChecks {
  readonly #sources: SourceReader;
  readonly #right = new LRUCache<string, true>({ max: remembered });

  constructor({ sources }: { readonly sources: SourceReader }) {
    this.#sources = sources;
  }

  /**
   * Returns a check for jobs with these files, which takes the path of the job's Dockerfile. All calls share one read of the
   * manifests. The check rejects with `dockerfile_invalid`, `ignore_file_invalid` or `source_not_found`.
   */
  of(files: Files): (dockerfile: string | undefined) => Promise<void> {
    const sources = this.#sources;
    const layers = layersOf(files);
    const id = layers.map(({ digest, at }) => `${digest} ${at}`).join(' ');
    let opened: Promise<ContextFiles> | undefined;
    const context = () => {
      opened ??= layeredContext({ sources, layers });
      return opened;
    };
    return async (asked) => {
      const dockerfile = asked ?? 'Dockerfile';
      const key = hash('sha256', `${id} ${dockerfile}`);
      if (this.#right.has(key)) return;
      await atField(asked === undefined ? '/source' : '/dockerfile', async () =>
        findDockerfile(await context(), dockerfile),
      );
      await atField('/source', async () =>
        checkIgnoreFile({ context: await context(), dockerfile, maxBytes: maxIgnoreBytes }),
      );
      this.#right.set(key, true);
    };
  }
}

/** Adds the path of the invalid field to an error. */
async function atField(path: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof SlipwayError) || !contextErrors.some((code) => code === error.code)) throw error;
    const { code, message } = error;
    throw new SlipwayError(code, message, { cause: error, errors: [{ path, message }] });
  }
}
