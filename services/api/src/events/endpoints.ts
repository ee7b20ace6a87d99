import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { defaultTenantName, liveEventSchema, type StreamEvent } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { z } from 'zod';
import { accountOf, allows, principalOf, tokenEnd } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { positionSchema, resumePosition } from '../watch/position.js';
import { type FollowEventsDeps, type LivePart, liveEvents } from './follow.js';

export interface EventEndpointDeps extends FollowEventsDeps {
  /** Aborted when the process drains: open streams end, and clients resume at their position. */
  readonly stopping: AbortSignal;
}

/** Limit of one stream. Clients reconnect after it, with a token that is still valid. */
const longestMs = 10 * 60_000;
/** Streams of one tenant that one process serves at once. */
const mostAtOnce = 100;

export function eventsEndpoint(deps: EventEndpointDeps): Endpoint {
  const open = new Map<string, number>();
  const described = new WeakMap<StreamEvent, Promise<LivePart | undefined>>();
  return endpoint(
    {
      id: 'followEvents',
      method: 'get',
      path: '/v1/events',
      scope: 'jobs:read',
      tag: 'Events',
      summary: 'All events, as server-sent events',
      description:
        "The events of the tenant's jobs and batches, from now on or after `Last-Event-ID`. `ready` comes first, with the position of the stream. `job`: a job changed. `batch.finished`: a batch ended. `webhook`: an endpoint was disabled. `base_image.changed`: the registry has another image under the reference of a base image in use. `builder`: the circuit of a builder opened or closed, for tokens of the tenant `default` with `builders:read`. `reset`: events were removed before they could be sent; reload the records that you keep. `idle`: no event for 15 seconds. The stream closes after ten minutes: reconnect with `Last-Event-ID`.",
      query: z.strictObject({ after: positionSchema.optional() }),
      headers: { 'Last-Event-ID': 'Position to resume after; the same as `after`' },
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
      // Not AbortSignal.any: it may lose the abort of a timeout in Node.js 20 (nodejs/node#57736).
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
        const events = liveEvents({ ...deps, tenant: name, seesBuilders, after, signal, described });
        await pipeline(Readable.from(events), res);
      } catch (error) {
        // The client may disconnect at any time.
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
