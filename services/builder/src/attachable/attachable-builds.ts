import { SlipwayError } from '@slipway/shared/errors';
import { AttachableBuild } from './attachable-build.js';

interface AttachableBuildsOptions {
  /** Milliseconds that a build goes on without a reader. */
  readonly detachedMs: number;
  /** Milliseconds that a result is kept. */
  readonly resultMs: number;
  /** Bound of the memory for all logs and results. */
  readonly maxBytes: number;
}

interface Ended {
  readonly build: AttachableBuild;
  readonly expiry: NodeJS.Timeout;
}

/** The newest part of one log that is kept, as in a buffered answer. */
const maxLogBytes = 4 * 1024 * 1024;
const maxResults = 1_000;
/** A result holds an error of at most 8 Ki characters. */
const resultBytes = 16 * 1024;

/**
 * The builds with an id: those in progress, and ended ones whose result is kept. When they need more memory than `maxBytes`, the
 * oldest results go first, and then the oldest lines of the longest log.
 */
export class AttachableBuilds {
  readonly #options: AttachableBuildsOptions;
  readonly #running = new Map<string, AttachableBuild>();
  /** In the order of their ends. */
  readonly #ended = new Map<string, Ended>();

  constructor(options: AttachableBuildsOptions) {
    this.#options = options;
  }

  /** Number of builds in progress that no client reads. */
  get detached(): number {
    return [...this.#running.values()].filter(({ isDetached }) => isDetached).length;
  }

  get readers(): number {
    return this.#all().reduce((sum, { readers }) => sum + readers, 0);
  }

  /** Number of results that are kept. */
  get results(): number {
    return this.#ended.size;
  }

  get bytes(): number {
    return this.#all().reduce((sum, { window }) => sum + window.bytes, this.#ended.size * resultBytes);
  }

  get(id: string): AttachableBuild | undefined {
    return this.#running.get(id) ?? this.#ended.get(id)?.build;
  }

  /** Throws `build_exists` for an id that is known. */
  mustBeNew(id: string): void {
    if (this.get(id)) throw new SlipwayError('build_exists');
  }

  /** Adds a build whose payload arrives. Throws `build_exists`. */
  add(id: string): AttachableBuild {
    this.mustBeNew(id);
    const build = new AttachableBuild({
      detachedMs: this.#options.detachedMs,
      onGrow: () => this.#fit(build),
      onEnd: () => this.#keep(id, build),
      onLost: () => this.#running.delete(id),
    });
    this.#running.set(id, build);
    return build;
  }

  /** Resolves when clients have read all results, or no client is expected any more. */
  async fetched(): Promise<void> {
    await Promise.all([...this.#ended.values()].map(({ build }) => build.fetched));
  }

  #keep(id: string, build: AttachableBuild): void {
    this.#running.delete(id);
    const expiry = setTimeout(() => this.#drop(id), this.#options.resultMs).unref();
    this.#ended.set(id, { build, expiry });
    this.#fit(build);
  }

  #drop(id: string): void {
    const ended = this.#ended.get(id);
    if (!ended) return;
    clearTimeout(ended.expiry);
    ended.build.markFetched();
    this.#ended.delete(id);
  }

  #fit(grown: AttachableBuild): void {
    while (grown.window.bytes > maxLogBytes && grown.window.dropOldest());
    const [oldest] = this.#ended.keys();
    if (oldest !== undefined && this.#ended.size > maxResults) this.#drop(oldest);
    while (this.bytes > this.#options.maxBytes && this.#dropSomething());
  }

  #dropSomething(): boolean {
    const [oldest] = this.#ended.keys();
    if (oldest !== undefined) {
      this.#drop(oldest);
      return true;
    }
    const [longest] = [...this.#running.values()].sort((a, b) => b.window.bytes - a.window.bytes);
    return longest?.window.dropOldest() ?? false;
  }

  #all(): AttachableBuild[] {
    return [...this.#running.values(), ...[...this.#ended.values()].map(({ build }) => build)];
  }
}
