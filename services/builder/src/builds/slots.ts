/** Limits the number of concurrent builds. A build counts from the moment its source arrives. */
export class Slots {
  readonly limit: number;
  #taken = 0;
  #waiting: (() => void)[] = [];

  /** A limit of 0 means none. */
  constructor({ limit }: { limit: number }) {
    this.limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  get isFull(): boolean {
    return this.limit > 0 && this.#taken >= this.limit;
  }

  /** Takes a slot and returns how to give it back, which may be called more than once; undefined when all are taken. */
  take(): (() => void) | undefined {
    if (this.isFull) return undefined;
    this.#taken++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#taken--;
      if (this.#taken === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    };
  }

  /** Resolves as soon as no slot is taken. */
  async idle(): Promise<void> {
    if (this.#taken > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
