import { z } from 'zod';

const kinds = {
  job: { rest: '[0-9a-z]{26}', words: '26 letters and digits' },
  batch: { rest: '[0-9a-z]{26}', words: '26 letters and digits' },
  campaign: { rest: '[0-9a-z]{26}', words: '26 letters and digits' },
  wh: { rest: '[0-9a-z]{26}', words: '26 letters and digits' },
  tok: { rest: '[0-9a-z]{26}', words: '26 letters and digits' },
  pay: { rest: '[0-9a-z]{26}', words: '26 letters and digits' },
  dlv: { rest: '[0-9a-z]{32}', words: '32 letters and digits' },
  rep: { rest: '[0-9a-f]{12}', words: '12 hexadecimal digits' },
} as const;

/** An id can end with `_` and the name of its cell. It is last, so that ids still sort by time (ADR 17). */
const cell = '(?:_[a-z][0-9a-z]{0,15})?';

/** Returns the pattern of an id as a regular expression without anchors. */
export const idPattern = (kind: keyof typeof kinds): string => `${kind}_${kinds[kind].rest}${cell}`;

/** Returns the schema of an id. */
export const idSchema = (kind: keyof typeof kinds) =>
  z.string().regex(new RegExp(`^${idPattern(kind)}$`), `must be ${kind}_ and ${kinds[kind].words}`);
