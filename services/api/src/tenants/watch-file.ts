import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '@slipway/shared/config';
import { SlipwayError } from '@slipway/shared/errors';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Applied } from './apply-file.js';
import { type FileTenant, type ReadFile, readTenantsFile } from './file.js';

interface FileWatcherOptions {
  readonly path: string;
  readonly apply: (tenants: readonly FileTenant[], signal: AbortSignal) => Promise<Applied>;
  readonly logger: Logger;
  /** Milliseconds between two reads of the file. */
  readonly everyMs?: number;
}

/**
 * Applies the tenants file to the stored tenants. Polls the file, which detects every kind of change: a write, a rename, or a
 * swapped symbolic link as in Kubernetes. A change counts once two reads in a row agree, so that a half-written file is not applied.
 * While the file is invalid, the stored tenants stay.
 */
export class TenantsFileWatcher implements Component {
  readonly name = 'tenants-file';
  readonly #options: FileWatcherOptions;
  /** The last content, or the error of the last read. */
  #seen: ReadFile | string;
  /** Fingerprint of the stored content; undefined when it may be incomplete. */
  #applied: string | undefined;
  #started = false;
  /** The last reported error. */
  #reported: string | undefined;

  private constructor(options: FileWatcherOptions, seen: ReadFile) {
    this.#options = options;
    this.#seen = seen;
  }

  /** Rejects with a `ConfigError` when the file is invalid. */
  static async open(options: FileWatcherOptions): Promise<TenantsFileWatcher> {
    return new TenantsFileWatcher(options, await readTenantsFile(options.path));
  }

  /** Rejects when the initial file conflicts with stored records. */
  async run(signal: AbortSignal): Promise<void> {
    const { everyMs = 1_000 } = this.#options;
    while (!signal.aborted) {
      if (typeof this.#seen !== 'string') await this.#apply(this.#seen, signal);
      do {
        await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      } while (!signal.aborted && !(await this.#look()));
    }
  }

  /** Reads the file. Returns true if its content is valid, the same as at the last read, and not applied yet. */
  async #look(): Promise<boolean> {
    const before = this.#seen;
    try {
      this.#seen = await readTenantsFile(this.#options.path);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#seen = error.message;
      if (before === this.#seen) this.#report(error.message, 'the earlier settings stay');
      return false;
    }
    const { fingerprint } = this.#seen;
    const stayed = typeof before !== 'string' && before.fingerprint === fingerprint;
    if (stayed && fingerprint === this.#applied) this.#reported = undefined;
    return stayed && fingerprint !== this.#applied;
  }

  async #apply({ tenants, fingerprint }: ReadFile, signal: AbortSignal): Promise<void> {
    const { apply, logger, path } = this.#options;
    try {
      const applied = await apply(tenants, signal);
      this.#applied = fingerprint;
      this.#started = true;
      this.#reported = undefined;
      logger.info({ file: path, tenants: tenants.length, ...applied }, 'the tenants file was applied');
    } catch (error) {
      if (signal.aborted) return;
      const refused = error instanceof SlipwayError && error.code === 'payload_secret_limit';
      if (refused && !this.#started) throw error;
      this.#applied = undefined;
      this.#report((error as Error).message, 'it will be tried again');
    }
  }

  /** Logs each problem once, however often it occurs. */
  #report(what: string, then: string): void {
    if (this.#reported === what) return;
    this.#reported = what;
    this.#options.logger.error(
      { file: this.#options.path, reason: what },
      `the tenants file was not applied; ${then}`,
    );
  }
}
