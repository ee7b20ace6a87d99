/** A whole number that two threads share. One of them writes it. */
export class SharedNumber {
  /** The memory. The other thread creates its own `SharedNumber` on it. */
  readonly buffer: SharedArrayBuffer;
  readonly #cell: BigInt64Array;

  constructor(buffer = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#cell = new BigInt64Array(buffer);
  }

  get value(): number {
    return Number(Atomics.load(this.#cell, 0));
  }

  set value(value: number) {
    Atomics.store(this.#cell, 0, BigInt(Math.round(value)));
  }
}

/** Returns milliseconds of a clock that all threads share. `performance.now()` starts at 0 in each thread. */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);
