const cutMark = '…';

/** Returns the text cut to at most that many bytes as JSON, between characters. Replaces half characters. */
export function cutText(given: string, maxBytes: number): string {
  // A code unit takes at most six bytes as JSON, and at most three in UTF-8.
  if (given.length * 6 + 2 <= maxBytes) return wellFormed(given);
  const text = wellFormed(given.slice(0, maxBytes + 1));
  if (given.length <= maxBytes && jsonBytes(text) <= maxBytes) return text;
  let [low, high] = [0, Math.min(text.length, maxBytes)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (jsonBytes(text.slice(0, middle) + cutMark) <= maxBytes) low = middle;
    else high = middle - 1;
  }
  return text.slice(0, low).replace(halfPair, '') + cutMark;
}

/** Bytes of a value as JSON. */
export const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** The first half of a character of two code units, at the end. */
const halfPair = /[\ud800-\udbff]$/;

const wellFormed = (text: string) => Buffer.from(text).toString();
