/** Lines of a log, counted from 1. */
export interface LineRange {
  readonly from: number;
  readonly to: number;
}

/** Returns the range of a URL hash, `#L12` or `#L12-L40`, else undefined. */
export function parseRange(hash: string): LineRange | undefined {
  const match = /^#L(\d{1,9})(?:-L?(\d{1,9}))?$/.exec(hash);
  if (!match) return undefined;
  const [one, other] = [Number(match[1]), Number(match[2] ?? match[1])];
  return one < 1 || other < 1 ? undefined : { from: Math.min(one, other), to: Math.max(one, other) };
}

export const formatRange = ({ from, to }: LineRange) => (from === to ? `#L${from}` : `#L${from}-L${to}`);
