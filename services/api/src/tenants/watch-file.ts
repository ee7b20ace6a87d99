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
  /** Milliseconds from one look at the file to the next. */
  readonly everyMs?: number;
}

/**
 * Keeps what is stored of tenants to what the tenants file says. The file is read again and again, which sees every way to
 * change it: written over, renamed over, or behind a symbolic link that is swapped, as Kubernetes does. A change counts once
 * the file has stayed the same from one look to the next, so that one that is half written is not taken for the whole. While the
 * file cannot be used, what was stays.
 */
export class TenantsFileWatcher implements Component {
  readonly name = 'tenants-file';
  readonly #options: FileWatcherOptions;
  /** As it was read last; or what was wrong with it. */
  #seen: ReadFile | string;
  /** The fingerprint of what is stored; undefined when that may be half of something. */
  #applied: string | undefined;
  #started = false;
  /** What was wrong when that was last told. */
  #told: string | undefined;

  private constructor(options: FileWatcherOptions, seen: ReadFile) {
    this.#options = options;
    this.#seen = seen;
  }

  /** Rejects with a `ConfigError` when the file cannot be used. */
  static async open(options: FileWatcherOptions): Promise<TenantsFileWatcher> {
    return new TenantsFileWatcher(options, await readTenantsFile(options.path));
  }

  /** Rejects when what the file said at the start cannot be stored beside what is there. */
  async run(signal: AbortSignal): Promise<void> {
    const { everyMs = 1_000 } = this.#options;
    while (!signal.aborted) {
      if (typeof this.#seen !== 'string') await this.#apply(this.#seen, signal);
      do {
        await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      } while (!signal.aborted && !(await this.#look()));
    }
  }

  /** Reads the file. Whether it says something usable that it also said at the last look, and that is not applied. */
  async #look(): Promise<boolean> {
    const before = this.#seen;
    try {
      this.#seen = await readTenantsFile(this.#options.path);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#seen = error.message;
      if (before === this.#seen) this.#tell(error.message, 'what was said before stays');
      return false;
    }
    const { fingerprint } = this.#seen;
    const stayed = typeof before !== 'string' && before.fingerprint === fingerprint;
    if (stayed && fingerprint === this.#applied) this.#told = undefined;
    return stayed && fingerprint !== this.#applied;
  }

  async #apply({ tenants, fingerprint }: ReadFile, signal: AbortSignal): Promise<void> {
    const { apply, logger, path } = this.#options;
    try {
      const applied = await apply(tenants, signal);
      this.#applied = fingerprint;
      this.#started = true;
      this.#told = undefined;
      logger.info({ file: path, tenants: tenants.length, ...applied }, 'the tenants file was applied');
    } catch (error) {
      if (signal.aborted) return;
      const refused = error instanceof SlipwayError && error.code === 'payload_secret_limit';
      if (refused && !this.#started) throw error;
      this.#applied = undefined;
      this.#tell((error as Error).message, 'it is tried again');
    }
  }

  /** Once for each thing that is wrong, however often it is seen. */
  #tell(what: string, then: string): void {
    if (this.#told === what) return;
    this.#told = what;
    this.#options.logger.error(
      { file: this.#options.path, reason: what },
      `the tenants file was not applied; ${then}`,
    );
  }
}
