import { inspect } from 'node:util';

/** Bytes that print as `[redacted]` in output, logs and JSON. Like `Secret`, for values that need not be text. */
export class SecretBytes {
  readonly #bytes: Uint8Array;

  /** Takes ownership of the bytes: the caller keeps no copy. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Returns the clear bytes themselves, not a copy: after `wipe` they are zeros. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  /** Overwrites the bytes. Copies of them, especially strings, remain. */
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
