import type { Repository } from '@slipway/shared/git';

interface Shared {
  readonly fetched: Promise<Repository>;
  users: number;
  timer: NodeJS.Timeout | undefined;
}

/** Milliseconds for which an unused repository is kept. One fetch serves consecutive folders of a batch. */
const lingerMs = 5_000;
/** Limit of unused repositories on the disk. */
const maxIdle = 4;

/** Fetched repositories while they are in use, and a moment longer. Concurrent requests for the same repository share it. */
export class SharedRepositories {
  readonly #byKey = new Map<string, Shared>();

  async use<T>(
    key: string,
    fetch: () => Promise<Repository>,
    work: (repository: Repository) => Promise<T>,
  ): Promise<T> {
    const shared = this.#byKey.get(key) ?? { fetched: fetch(), users: 0, timer: undefined };
    this.#byKey.set(key, shared);
    clearTimeout(shared.timer);
    shared.timer = undefined;
    shared.users++;
    try {
      return await work(await this.#fetched(key, shared));
    } finally {
      shared.users--;
      if (shared.users === 0) await this.#rest(key, shared);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byKey].map(([key, shared]) => this.#forget(key, shared)));
  }

  async #fetched(key: string, shared: Shared): Promise<Repository> {
    try {
      return await shared.fetched;
    } catch (error) {
      // The next caller fetches again.
      if (this.#byKey.get(key) === shared) this.#byKey.delete(key);
      throw error;
    }
  }

  async #rest(key: string, shared: Shared): Promise<void> {
    if (this.#byKey.get(key) !== shared) return await this.#forget(key, shared);
    shared.timer = setTimeout(() => void this.#forget(key, shared), lingerMs);
    shared.timer.unref();
    const idle = [...this.#byKey].filter(([, { timer }]) => timer !== undefined);
    for (const [name, oldest] of idle.slice(0, Math.max(0, idle.length - maxIdle))) {
      await this.#forget(name, oldest);
    }
  }

  async #forget(key: string, shared: Shared): Promise<void> {
    clearTimeout(shared.timer);
    if (this.#byKey.get(key) === shared) this.#byKey.delete(key);
    const repository = await shared.fetched.catch(() => undefined);
    // The sweeper removes it later.
    await repository?.remove().catch(() => undefined);
  }
}
