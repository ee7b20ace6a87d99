import type { JsonBounds } from '@slipway/shared/json';
import { z } from 'zod';

/** A mebibyte, the bound of most bodies, is read within some milliseconds whatever it holds up to here. */
const usualTokens = 120_000;
/** For larger bodies: 10,000 jobs of 20 fields each. An object takes up to 200 bytes of memory for each token. */
const largeTokens = 400_000;
/** No schema is deeper than half of it; fields that are of any kind may be. */
const maxDepth = 32;
/** Without more in the schema. */
const usualItems = 2_000;

interface RouteBody {
  readonly schema: z.ZodType;
  /** Whether more than a mebibyte is read. */
  readonly isLarge: boolean;
}

/**
 * Returns what the JSON of a route may hold before it is parsed. An array may have twice the items that the schema allows, so that a request with
 * some too many still gets the message of the schema, which names the field.
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
