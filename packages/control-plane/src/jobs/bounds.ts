import type { JobError } from '@slipway/shared/contracts';
import { cutText, jsonBytes } from '../text/index.js';

/** Limit of the end of the log in a record, as JSON. */
const maxTailBytes = 16 * 1024;
const maxDetailBytes = 4 * 1024;
/** A shorter part of a line is useless. */
const minCutBytes = 64;

/** Returns the last lines, up to 16 KB as JSON. Cuts the end of a line that is too long. */
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
