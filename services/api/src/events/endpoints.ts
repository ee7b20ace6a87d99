import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { defaultTenantName, liveEventSchema } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { z } from 'zod';
import { accountOf, allows, principalOf, tokenEnd } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { positionSchema, resumePosition } from '../watch/position.js';
import { type FollowEventsDeps, liveEvents } from './follow.js';

export interface EventEndpointDeps extends FollowEventsDeps {
  /** Aborted when the process drains: followers are cut, and come back with where they were. */
  readonly stopping: AbortSignal;
}

/** After which a follower has to come back, with a token that is still taken. */
const longestMs = 10 * 60_000;
/** Streams of one tenant that one process serves at once. */
const mostAtOnce = 100;

export function eventsEndpoint(deps: EventEndpointDeps): Endpoint {
  const open = new Map<string, number>();
  return endpoint(
    {
      id: 'followEvents',
      method: 'get',
      path: '/v1/events',
      scope: 'jobs:read',
      tag: 'Events',
      summary: 'What happens, as server-sent events',
      description:
        'The jobs and batches of the tenant, from now on or from where `Last-Event-ID` says. `ready` comes first, with where the stream stands. `job`: a job has changed. `batch.finished`: a batch has ended. `webhook`: an endpoint was disabled. `builder`: the circuit of a builder has opened or closed, for tokens of the tenant `default` with `builders:read`. `reset`: events were removed before they could be told; read anew what you keep. `idle`: nothing has happened for 15 seconds. The stream is closed after ten minutes: come back with `Last-Event-ID`.',
      query: z.strictObject({ after: positionSchema.optional() }),
      headers: { 'Last-Event-ID': 'Where the stream goes on; the same as `after`' },
      answers: {
        200: { description: 'The events', content: { 'text/event-stream': liveEventSchema } },
      },
      errors: ['request_invalid', 'rate_limited', 'redis_unavailable'],
    },
    async ({ query, req, res }) => {
      const after = resumePosition(req, query.after);
      const { name } = accountOf(res);
      const others = open.get(name) ?? 0;
      if (others >= mostAtOnce) {
        throw new SlipwayError('rate_limited', `${mostAtOnce} streams of events are open.`, {
          retryAfter: 30,
        });
      }
      open.set(name, others + 1);
      // By hand: AbortSignal.any may lose the abort of a timeout in Node.js 20 (nodejs/node#57736).
      const ending = new AbortController();
      const { signal } = ending;
      const end = () => ending.abort();
      const longest = setTimeout(end, longestMs);
      res.once('close', end);
      tokenEnd(res).addEventListener('abort', end);
      deps.stopping.addEventListener('abort', end);
      try {
        res.type('text/event-stream').set({ 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
        res.flushHeaders();
        const seesBuilders = name === defaultTenantName && allows(principalOf(res).scopes, 'builders:read');
        const events = liveEvents({ ...deps, tenant: name, seesBuilders, after, signal });
        await pipeline(Readable.from(events), res);
      } catch (error) {
        // Whoever follows may leave at any time.
        if (!signal.aborted) throw error;
      } finally {
        clearTimeout(longest);
        deps.stopping.removeEventListener('abort', end);
        const left = (open.get(name) ?? 1) - 1;
        if (left > 0) open.set(name, left);
        else open.delete(name);
      }
    },
  );
}
