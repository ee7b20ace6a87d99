import { inspect } from 'node:util';

/** Bytes that print as `[redacted]` wherever they are printed, logged or serialised. As `Secret`, for what need not be text. */
export class SecretBytes {
  readonly #bytes: Uint8Array;

  /** Takes the bytes over: whoever made them keeps no copy. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The clear bytes themselves, not a copy: after `wipe` they are zeros. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  /** Overwrites the bytes. What was copied from them, strings above all, is not reached. */
  wipe(): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}
