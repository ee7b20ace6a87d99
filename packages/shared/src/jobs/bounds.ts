import type { JobError } from '../contracts/index.js';

/** What a record keeps of the end of the log, as JSON. */
const maxTailBytes = 16 * 1024;
const maxDetailBytes = 4 * 1024;
const cutMark = '…';

/** A text that has no more than so many bytes as JSON, cut between characters; half characters are replaced. */
export function cutText(given: string, maxBytes: number): string {
  const text = wellFormed(given);
  if (sizeOf(text) <= maxBytes) return text;
  let [low, high] = [0, Math.min(text.length, maxBytes)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (sizeOf(text.slice(0, middle) + cutMark) <= maxBytes) low = middle;
    else high = middle - 1;
  }
  return text.slice(0, low).replace(halfPair, '') + cutMark;
}

const sizeOf = (text: string) => Buffer.byteLength(JSON.stringify(text));

/** The first half of a character of two code units, at the end. */
const halfPair = /[\ud800-\udbff]$/;

/** The last of these lines that have no more than 16 KB as JSON; of a longer line its beginning. */
export function boundedTail(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let left = maxTailBytes - 2;
  for (const line of lines.toReversed()) {
    const bytes = sizeOf(line) + 1;
    if (bytes > left) {
      const rest = left > minCutBytes ? cutText(line, left - 1) : '';
      if (rest !== '') kept.push(rest);
      break;
    }
    kept.push(wellFormed(line));
    left -= bytes;
  }
  return kept.reverse();
}

/** Less of a line says nothing. */
const minCutBytes = 64;

export const boundedDetail = (detail: string): string => cutText(detail, maxDetailBytes);

export const boundedError = ({ code, detail, log_tail }: JobError): JobError => ({
  code,
  detail: boundedDetail(detail),
  log_tail: boundedTail(log_tail),
});

const wellFormed = (text: string) => Buffer.from(text).toString();
