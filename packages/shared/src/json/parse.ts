import { SlipwayError } from '../errors/index.js';
import { type JsonBounds, JsonScanner } from './scanner.js';

interface ParseOptions {
  readonly bytes: Uint8Array;
  readonly bounds: JsonBounds;
  /** The text's name in messages, such as `The body`. */
  readonly what: string;
}

/** Returns the value of a JSON text in UTF-8. Throws `json_too_complex` before it creates any value, and `json_invalid`. */
export function parseJson({ bytes, bounds, what }: ParseOptions): unknown {
  const problem = new JsonScanner(bounds).scan(bytes);
  if (problem !== undefined) throw tooComplex(what, problem);
  return decodeJson({ bytes, what });
}

/** Returns the value of a scanned JSON text in UTF-8, which may begin with a byte order mark. Throws `json_invalid`. */
export function decodeJson({ bytes, what }: Pick<ParseOptions, 'bytes' | 'what'>): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new SlipwayError('json_invalid', `${what} is not valid JSON in UTF-8.`, { cause });
  }
}

export const tooComplex = (what: string, problem: string) =>
  new SlipwayError('json_too_complex', `${what} has ${problem}.`);
