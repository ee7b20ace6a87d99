import type { Client } from '@slipway/client';

interface Tail {
  readonly stop: AbortController;
  line: string;
}

/** The last log line of some jobs, updated live. */
export class LogTails {
  readonly #client: Pick<Client, 'followLog'>;
  readonly #onLine: () => void;
  readonly #tails = new Map<string, Tail>();

  constructor({ client, onLine }: { client: Pick<Client, 'followLog'>; onLine: () => void }) {
    this.#client = client;
    this.#onLine = onLine;
  }

  /** Follows exactly these jobs from now on. */
  follow(ids: readonly string[]): void {
    const wanted = new Set(ids);
    for (const [id, { stop }] of this.#tails) {
      if (wanted.has(id)) continue;
      stop.abort();
      this.#tails.delete(id);
    }
    for (const id of wanted) if (!this.#tails.has(id)) void this.#read(id);
  }

  lineOf(id: string): string {
    return this.#tails.get(id)?.line ?? '';
  }

  close(): void {
    this.follow([]);
  }

  async #read(id: string): Promise<void> {
    const tail: Tail = { stop: new AbortController(), line: '' };
    this.#tails.set(id, tail);
    try {
      for await (const { text } of this.#client.followLog({ id, signal: tail.stop.signal })) {
        // Skips empty lines.
        if (text.trim() === '') continue;
        tail.line = text;
        this.#onLine();
      }
    } catch {
      // A log error does not end the watch. Errors of the server show up in its events.
    }
  }
}
