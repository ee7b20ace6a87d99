import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { formatPosition, parsePosition } from '@slipway/control-plane/logs';
import { ofTenant } from '@slipway/control-plane/records';
import { jobIdSchema } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { z } from 'zod';
import { accountOf, tokenEnd } from '../http/auth.js';
import { closedSignal } from '../http/connection.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { storageErrors } from '../sources/errors.js';
import { type FollowDeps, follow, type LogPart } from './follow.js';

type Parts = AsyncIterable<LogPart>;

async function* text(parts: Parts): AsyncGenerator<string> {
  for await (const part of parts) {
    if (part.kind === 'lines') yield part.lines.map((line) => `${line.text}\n`).join('');
  }
}

async function* ndjson(parts: Parts): AsyncGenerator<string> {
  for await (const part of parts) {
    if (part.kind === 'lines') yield part.lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  }
}

/** Formats server-sent events (HTML Standard). Regular comments keep proxies from closing the stream. */
async function* events(parts: Parts): AsyncGenerator<string> {
  for await (const part of parts) {
    switch (part.kind) {
      case 'lines':
        yield part.lines
          .map((line) => `id: ${formatPosition(line)}\nevent: log\ndata: ${JSON.stringify(line)}\n\n`)
          .join('');
        break;
      case 'idle':
        yield ': idle\n\n';
        break;
      case 'end':
        yield `event: end\ndata: ${JSON.stringify({ state: part.state })}\n\n`;
        break;
      default:
        part satisfies never;
    }
  }
}

/** Yields a result that was taken from a generator, and the rest. */
async function* continued(first: IteratorResult<LogPart, void>, rest: AsyncGenerator<LogPart>): Parts {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

const logFormats = {
  'text/plain': text,
  'application/x-ndjson': ndjson,
  'text/event-stream': events,
} as const;
type LogFormat = keyof typeof logFormats;

const flag = z.enum(['0', '1', 'true', 'false']).transform((text) => text === '1' || text === 'true');
const positionSchema = z
  .string()
  .refine((text) => parsePosition(text) !== undefined, 'must be <attempt>-<line>')
  .describe('Only lines after this one, as `<attempt>-<line>`');
const lineSchema = z.object({ attempt: z.int(), line: z.int(), text: z.string() }).meta({ id: 'LogLine' });

export function logEndpoints(deps: FollowDeps): Endpoint[] {
  return [
    endpoint(
      {
        id: 'getJobLogs',
        method: 'get',
        path: '/v1/jobs/{id}/logs',
        scope: 'jobs:read',
        tag: 'Jobs',
        summary: 'The log of a job, of all its attempts',
        description:
          'As text, NDJSON or server-sent events, by `Accept`. Server-sent events follow the job unless `follow=0`.',
        params: z.object({ id: jobIdSchema }),
        query: z.strictObject({
          follow: flag.optional().describe('Continues until the job has ended'),
          after: positionSchema.optional(),
        }),
        headers: { 'Last-Event-ID': 'Position to resume after; the same as `after`' },
        answers: {
          200: {
            description: 'The log',
            content: {
              'text/plain': 'One log line per line',
              'text/event-stream': 'Events `log` (a LogLine, its id the position), then one `end`',
            },
            inWords: { 'application/x-ndjson': lineSchema },
          },
        },
        errors: ['not_found', 'request_invalid', ...storageErrors],
      },
      async ({ params: { id }, query, req, res }) => {
        const type = (req.accepts(Object.keys(logFormats)) || 'text/plain') as LogFormat;
        const lastEventId = req.get('last-event-id');
        const from = lastEventId ?? query.after;
        const after = from === undefined ? undefined : parsePosition(from);
        if (from !== undefined && !after) {
          throw new SlipwayError('request_invalid', 'Last-Event-ID must be <attempt>-<line>.');
        }
        const record = await ofTenant(accountOf(res).name, deps.store.get(id));
        if (!record) throw new SlipwayError('not_found', `There is no job ${id}.`);
        const format = logFormats[type];
        const signal = AbortSignal.any([closedSignal(res), deps.stopping, tokenEnd(res)]);
        const live = query.follow ?? type === 'text/event-stream';
        const parts = follow({ ...deps, jobId: id, after, live, signal });
        // Rejects with the fault of a store, before the headers of a log are sent.
        const first = await parts.next();
        res.type(type).set({
          'Cache-Control': 'no-store',
          'X-Accel-Buffering': 'no',
          'X-Content-Type-Options': 'nosniff',
        });
        res.flushHeaders();
        try {
          await pipeline(Readable.from(format(continued(first, parts))), res);
        } catch (error) {
          // The client may disconnect at any time.
          if (!signal.aborted) throw error;
        }
      },
    ),
  ];
}
