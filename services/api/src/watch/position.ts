import { SlipwayError } from '@slipway/shared/errors';
import type { Request } from 'express';
import { z } from 'zod';

/** The id of an entry of a Redis stream, as events have it. */
export const positionSchema = z
  .string()
  .regex(/^\d{1,16}-\d{1,16}$/, 'must be the id of an event')
  .describe('Only what came after the event with this id');

/** Where a stream of events goes on: `Last-Event-ID`, or else the query. Throws `request_invalid` when that is no position. */
export function resumePosition(req: Request, query: string | undefined): string | undefined {
  const from = req.get('last-event-id') ?? query;
  if (from === undefined || positionSchema.safeParse(from).success) return from;
  throw new SlipwayError('request_invalid', 'Last-Event-ID must be the id of an event.');
}

/** Whether one entry of a stream came before another. */
export function isBefore(one: string, other: string): boolean {
  const [ms = 0, n = 0] = one.split('-').map(Number);
  const [otherMs = 0, otherN = 0] = other.split('-').map(Number);
  return ms < otherMs || (ms === otherMs && n < otherN);
}
