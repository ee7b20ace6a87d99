import type { JsonBounds } from '@slipway/shared/json';
import { z } from 'zod';

/** A mebibyte, the limit of most bodies, is parsed within some milliseconds up to here. */
const usualTokens = 120_000;
/** Limit for larger bodies: 10,000 jobs of 20 fields each. An object takes up to 200 bytes of memory per token. */
const largeTokens = 400_000;
/** Schemas are at most half as deep; fields of any type may be deeper. */
const maxDepth = 32;
/** Default limit of items, unless the schema allows more. */
const usualItems = 2_000;

interface RouteBody {
  readonly schema: z.ZodType;
  /** True if the limit of the body is above a mebibyte. */
  readonly isLarge: boolean;
}

/**
 * Returns the limits on the JSON of a route before parsing. An array may have twice the items that the schema allows, so that a
 * request with a few too many still gets the schema's message, which names the field.
 */
export function jsonBoundsOf({ schema, isLarge }: RouteBody): JsonBounds {
  return {
    maxDepth,
    maxTokens: isLarge ? largeTokens : usualTokens,
    maxItems: Math.max(usualItems, 2 * largestArray(schema)),
  };
}

/** Returns the largest `maxItems` anywhere in a schema. */
function largestArray(schema: z.ZodType): number {
  let largest = 0;
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key === 'maxItems' && typeof value === 'number') largest = Math.max(largest, value);
      else visit(value);
    }
  };
  visit(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  return largest;
}
