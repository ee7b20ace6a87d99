/**
 * Cuts a stream of bytes into lines of text, in bounded memory: what a line has beyond `maxBytes` is dropped.
 * Lines end with a line feed; a carriage return before it goes too.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #onLine: (line: string) => void;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #isCut = false;

  constructor({ maxBytes, onLine }: { maxBytes: number; onLine: (line: string) => void }) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let at = 0;
    for (let end = chunk.indexOf(0x0a, at); end !== -1; end = chunk.indexOf(0x0a, at)) {
      this.#keep(chunk.subarray(at, end));
      this.#emit();
      at = end + 1;
    }
    this.#keep(chunk.subarray(at));
  }

  /** Hands over a last line that no line feed ended. */
  end(): void {
    if (this.#bytes > 0) this.#emit();
  }

  #keep(piece: Buffer): void {
    const room = this.#maxBytes - this.#bytes;
    const kept = piece.length > room ? piece.subarray(0, room) : piece;
    if (kept.length < piece.length) this.#isCut = true;
    if (kept.length === 0) return;
    this.#pieces.push(kept);
    this.#bytes += kept.length;
  }

  #emit(): void {
    const text = Buffer.concat(this.#pieces).toString('utf8');
    // A cut may fall inside a character.
    const line = this.#isCut ? `${text.replace(/\uFFFD$/, '')}…` : text.replace(/\r$/, '');
    this.#pieces = [];
    this.#bytes = 0;
    this.#isCut = false;
    this.#onLine(line);
  }
}

/** Keeps the last lines of an output. */
export class LastLines {
  readonly #limit: number;
  readonly #lines: string[] = [];

  constructor({ limit }: { limit: number }) {
    this.#limit = limit;
  }

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > this.#limit) this.#lines.shift();
  }

  lines(): readonly string[] {
    return this.#lines;
  }
}
