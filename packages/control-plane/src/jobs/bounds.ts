import type { JobError } from '@slipway/shared/contracts';
import { cutText, jsonBytes } from '../text/index.js';

/** What a record keeps of the end of the log, as JSON. */
const maxTailBytes = 16 * 1024;
const maxDetailBytes = 4 * 1024;
/** Less of a line says nothing. */
const minCutBytes = 64;

/** The last of these lines that have no more than 16 KB as JSON; of a longer line its beginning. */
export function boundedTail(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let left = maxTailBytes - 2;
  for (const line of lines.toReversed()) {
    const cut = left > minCutBytes ? cutText(line, left - 1) : undefined;
    if (cut === undefined) break;
    kept.push(cut);
    left -= jsonBytes(cut) + 1;
  }
  return kept.reverse();
}

export const boundedDetail = (detail: string): string => cutText(detail, maxDetailBytes);

export const boundedError = ({ code, detail, log_tail }: JobError): JobError => ({
  code,
  detail: boundedDetail(detail),
  log_tail: boundedTail(log_tail),
});
