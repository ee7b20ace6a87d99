import { syncFolder } from './file-scratch.js';

/**
 * Syncs folders. A caller that arrives during a sync waits for the next one, because the running sync may have missed its rename.
 * All callers that arrive until then share that next sync.
 */
export class FolderSyncs {
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  async sync(folder: string): Promise<void> {
    const running = this.#running.get(folder);
    if (running === undefined) return await this.#begin(folder);
    const next = this.#next.get(folder) ?? this.#after(running, folder);
    this.#next.set(folder, next);
    await next;
  }

  async #after(running: Promise<void>, folder: string): Promise<void> {
    // Only the callers of that sync receive its error.
    await running.catch(() => undefined);
    this.#next.delete(folder);
    await this.#begin(folder);
  }

  async #begin(folder: string): Promise<void> {
    const sync = syncFolder(folder);
    this.#running.set(folder, sync);
    try {
      await sync;
    } finally {
      if (this.#running.get(folder) === sync) this.#running.delete(folder);
    }
  }
}
