import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from './parse.js';
import { type JsonBounds, JsonScanner } from './scanner.js';

const unbounded: JsonBounds = { maxDepth: 1e9, maxTokens: 1e9, maxItems: 1e9 };

/** Returns the same counts for a value of `JSON.parse`. */
function measure(value: unknown): { depth: number; tokens: number; items: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, tokens: 1, items: 0 };
  const children = Object.values(value).map(measure);
  return {
    depth: 1 + Math.max(0, ...children.map(({ depth }) => depth)),
    tokens:
      1 +
      (Array.isArray(value) ? 0 : children.length) +
      children.reduce((sum, { tokens }) => sum + tokens, 0),
    items: Math.max(Array.isArray(value) ? children.length : 0, ...children.map(({ items }) => items)),
  };
}

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '"',
    '\\',
    '\\"',
    '{',
    '[1,2]',
    ',',
    '\u2028',
    '\ufeff',
    '\u{1f6a2}',
    '__proto__',
    'constructor',
  ),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 6 },
    fc.oneof(text, fc.double(), fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('any'), { maxLength: 8 }),
    fc.dictionary(text, tie('any'), { maxKeys: 8, noNullPrototype: true }),
  ),
})).any;
/** JSON with blanks, and with escapes for any character. */
const json = fc
  .tuple(value, fc.constantFrom(undefined, 1, '\t', ' \r\n'), fc.boolean())
  .map(([each, space, isEscaped]) => {
    const written = JSON.stringify(each, undefined, space);
    const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    return isEscaped
      ? written.replaceAll(/[^\0-~]/gu, (found) => [...found.split('')].map(escaped).join(''))
      : written;
  });

/** Scans in pieces of the given lengths. */
function scan(bytes: Uint8Array, bounds: JsonBounds, lengths: readonly number[] = []): string | undefined {
  const scanner = new JsonScanner(bounds);
  let at = 0;
  for (const length of [...lengths, bytes.length]) {
    const problem = scanner.scan(bytes.subarray(at, at + length));
    if (problem !== undefined) return problem;
    at += length;
  }
  return undefined;
}

const encode = (written: string) => new TextEncoder().encode(written);

describe('a scanner of JSON', () => {
  it('counts what JSON.parse creates, for any split of the bytes', () => {
    fc.assert(
      fc.property(json, fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 30 }), (written, lengths) => {
        const bytes = encode(written);
        const { depth, tokens, items } = measure(JSON.parse(written));
        const bounds = { maxDepth: depth, maxTokens: tokens, maxItems: Math.max(1, items) };
        expect(scan(bytes, bounds, lengths)).toBeUndefined();
        expect(scan(bytes, { ...bounds, maxTokens: tokens - 1 }, lengths)).toBe(
          `more than ${tokens - 1} keys and values`,
        );
        if (depth > 0) {
          expect(scan(bytes, { ...bounds, maxDepth: depth - 1 }, lengths)).toBe(
            `more than ${depth - 1} levels`,
          );
        }
        if (items > 1) {
          expect(scan(bytes, { ...bounds, maxItems: items - 1 }, lengths)).toBe(
            `an array of more than ${items - 1} items`,
          );
        }
      }),
    );
  });

  it('never counts less than JSON.parse creates from corrupt bytes', () => {
    const broken = fc
      .tuple(json, fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'"\\{}[],:0 e\n')), { maxLength: 4 }))
      .map(([written, changes]) =>
        changes.reduce((now, [at, put]) => {
          const place = at % (now.length + 1);
          return now.slice(0, place) + put + now.slice(place + 1);
        }, written),
      );
    fc.assert(
      fc.property(broken, (written) => {
        let parsed: unknown;
        try {
          parsed = JSON.parse(written);
        } catch {
          return;
        }
        const scanner = new JsonScanner(unbounded);
        scanner.scan(encode(written));
        // A repeated key counts twice, and so does its value.
        expect(scanner.tokens).toBeGreaterThanOrEqual(measure(parsed).tokens);
      }),
    );
  });

  it.each([
    ['a byte order mark, as one more token', '\ufeff{"a":1}', 4],
    ['a key twice', '{"a":1,"a":2}', 5],
    ['__proto__', '{"__proto__":{"x":1},"constructor":[]}', 7],
    ['an exponent without end', `[1e${'9'.repeat(5_000)},-0.${'0'.repeat(5_000)}1]`, 3],
    ['quotes and backslashes', String.raw`["\\","\"","\\\"","]","\\\\"]`, 6],
    ['blanks between all', ' [ 1 , { "a" : [ ] } , null ] \n', 6],
    ['nothing', '', 0],
  ])('counts %s', (_name, written, tokens) => {
    const scanner = new JsonScanner(unbounded);
    expect(scanner.scan(encode(written))).toBeUndefined();
    expect(scanner.tokens).toBe(tokens);
  });

  it('stops at a limit without reading the rest', () => {
    const scanner = new JsonScanner({ ...unbounded, maxTokens: 10 });
    expect(scanner.scan(encode(`[${'[],'.repeat(1_000)}[]]`))).toBe('more than 10 keys and values');
    expect(scanner.tokens).toBe(11);
  });
});

describe('parseJson', () => {
  const bounds: JsonBounds = { maxDepth: 3, maxTokens: 10, maxItems: 4 };
  const parsed = (bytes: Uint8Array) => parseJson({ bytes, bounds, what: 'The body' });
  const refused = (bytes: Uint8Array, code: string, detail: string) =>
    expect(() => parsed(bytes)).toThrow(expect.objectContaining({ code, message: detail }));

  it('accepts values within the limits, with or without a byte order mark', () => {
    expect(parsed(encode('{"a":[1,2,3,4]}'))).toEqual({ a: [1, 2, 3, 4] });
    expect(parsed(encode('\ufeff{"a":1}'))).toEqual({ a: 1 });
  });

  it('names the exceeded limit', () => {
    refused(encode('[[[[]]]]'), 'json_too_complex', 'The body has more than 3 levels.');
    refused(encode('[1,2,3,4,5]'), 'json_too_complex', 'The body has an array of more than 4 items.');
    refused(
      encode('[[1,2,3],[1,2,3],[1,2]]'),
      'json_too_complex',
      'The body has more than 10 keys and values.',
    );
  });

  it('refuses invalid JSON and invalid UTF-8', () => {
    for (const bytes of [encode('{'), encode('nan'), encode(''), Uint8Array.of(0x22, 0xff, 0x22)]) {
      refused(bytes, 'json_invalid', 'The body is not valid JSON in UTF-8.');
    }
  });
});
