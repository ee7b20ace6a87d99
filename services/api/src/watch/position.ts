import { SlipwayError } from '@slipway/shared/errors';
import type { Request } from 'express';
import { z } from 'zod';

/** The id of an entry of a Redis stream, as used for events. */
export const positionSchema = z
  .string()
  .regex(/^\d{1,16}-\d{1,16}$/, 'must be the id of an event')
  .describe('Only events after the event with this id');

/**
 * Returns the position to resume a stream of events after: `Last-Event-ID`, or else the query. Throws `request_invalid` for an
 * invalid position.
 */
export function resumePosition(req: Request, query: string | undefined): string | undefined {
  const from = req.get('last-event-id') ?? query;
  if (from === undefined || positionSchema.safeParse(from).success) return from;
  throw new SlipwayError('request_invalid', 'Last-Event-ID must be the id of an event.');
}

/** Returns true if an entry of a stream precedes another. */
export function isBefore(one: string, other: string): boolean {
  const [ms = 0, n = 0] = one.split('-').map(Number);
  const [otherMs = 0, otherN = 0] = other.split('-').map(Number);
  return ms < otherMs || (ms === otherMs && n < otherN);
}
