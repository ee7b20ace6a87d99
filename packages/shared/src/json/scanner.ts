/** What a text in JSON may hold. */
export interface JsonBounds {
  /** Levels of objects and arrays within each other. */
  readonly maxDepth: number;
  /** Keys, strings, numbers, words, objects and arrays together. */
  readonly maxTokens: number;
  /** Items of one array. */
  readonly maxItems: number;
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const openArray = 0x5b;
const closeArray = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** For objects, whose keys count as tokens. */
const notCounted = -1;

/**
 * Counts what a JSON text holds over its bytes, before any value exists: a few kilobytes, inflated, can become gigabytes of values.
 * It does not check the syntax. A text that `JSON.parse` takes is counted exactly; of any other, `JSON.parse` makes no more
 * than is counted before it fails. UTF-8 needs no decoding: each byte that means something in JSON is below 128, and no part of another character.
 */
export class JsonScanner {
  readonly #bounds: JsonBounds;
  /** Items so far of each open array, or `notCounted`. */
  readonly #open: number[] = [];
  #tokens = 0;
  #isInString = false;
  #isEscaped = false;
  #isInWord = false;

  constructor(bounds: JsonBounds) {
    this.#bounds = bounds;
  }

  get tokens(): number {
    return this.#tokens;
  }

  /** Counts the next bytes. Returns what is wrong once a bound is exceeded, and undefined before. */
  scan(bytes: Uint8Array): string | undefined {
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === backslash) this.#isEscaped = true;
        else if (byte === quote) this.#isInString = false;
        continue;
      }
      const problem = this.#structural(byte);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #structural(byte: number): string | undefined {
    switch (byte) {
      case 0x20:
      case 0x09:
      case 0x0a:
      case 0x0d:
      case colon:
        this.#isInWord = false;
        return undefined;
      case comma:
        this.#isInWord = false;
        return this.#nextItem();
      case quote:
        this.#isInWord = false;
        this.#isInString = true;
        return this.#token();
      case openArray:
      case openObject:
        this.#isInWord = false;
        if (this.#open.length >= this.#bounds.maxDepth) return `more than ${this.#bounds.maxDepth} levels`;
        this.#open.push(byte === openArray ? 1 : notCounted);
        return this.#token();
      case closeArray:
      case closeObject:
        this.#isInWord = false;
        this.#open.pop();
        return undefined;
      default:
        if (this.#isInWord) return undefined;
        this.#isInWord = true;
        return this.#token();
    }
  }

  #nextItem(): string | undefined {
    const last = this.#open.length - 1;
    const items = this.#open[last] ?? notCounted;
    if (items === notCounted) return undefined;
    if (items >= this.#bounds.maxItems) return `an array of more than ${this.#bounds.maxItems} items`;
    this.#open[last] = items + 1;
    return undefined;
  }

  #token(): string | undefined {
    this.#tokens++;
    return this.#tokens > this.#bounds.maxTokens
      ? `more than ${this.#bounds.maxTokens} keys and values`
      : undefined;
  }
}
