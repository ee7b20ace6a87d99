import { syncFolder } from './file-scratch.js';

/**
 * Makes folders durable. Whoever comes while a folder is being synced waits for the next sync of it, which all who come by then
 * share: one that began before a rename may have missed it.
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
    // How that one ends is told to those who wait for it.
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
