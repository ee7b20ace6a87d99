/** Limits of a JSON text. */
export interface JsonBounds {
  /** Nested levels of objects and arrays. */
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

/** Marks an object, whose keys count as tokens. */
const notCounted = -1;

/**
 * Counts the content of a JSON text over its bytes, before any value exists: a few kilobytes, inflated, can become gigabytes of
 * values. Does not check the syntax. The counts are exact for a text that `JSON.parse` accepts. For any other text, `JSON.parse`
 * creates at most as many values before it fails. UTF-8 needs no decoding: each byte with a meaning in JSON is below 128, and
 * never part of another character.
 */
export class JsonScanner {
  readonly #bounds: JsonBounds;
  /** Items so far in each open array, or `notCounted`. */
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

  /** Counts the next bytes. Returns a message once a limit is exceeded, and undefined before. */
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
