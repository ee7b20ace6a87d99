import { type ErrorCode, errorRow } from '@slipway/shared/errors';
import { type Endpoint, takesIdempotencyKey } from '../http/operation.js';

type Operation = Endpoint['operation'];

/** Every code that an operation may answer with: its own, and those that come of how it is asked. */
export function errorsOf(operation: Operation): ErrorCode[] {
  const { scope, params, query, body, stream, errors } = operation;
  const codes: ErrorCode[] = [
    ...(scope === 'none' ? [] : ofTokens),
    ...(params || query || body ? (['request_invalid'] as const) : []),
    ...(body ? (['json_invalid'] as const) : []),
    ...(body || stream ? ofBodies : []),
    ...(takesIdempotencyKey(operation) ? ofKeys : []),
    ...errors,
    ...ofAll,
  ];
  return [...new Set(codes)];
}

const ofAll = [
  'redis_unavailable',
  'redis_full',
  'headers_too_slow',
  'headers_too_large',
  'record_unreadable',
  'internal',
] as const;
const ofTokens = ['unauthorized', 'forbidden', 'too_many_failures', 'rate_limited', 'draining'] as const;
const ofBodies = ['media_type_unsupported', 'body_incomplete', 'body_too_large', 'body_too_slow'] as const;
const ofKeys = [
  'idempotency_key_invalid',
  'idempotency_key_reused',
  'idempotency_key_in_progress',
  'secret_unreadable',
] as const;

/** The responses of an operation that are problems, and 304 where there is an ETag to compare. */
export function problemAnswers(operation: Operation): Record<string, unknown> {
  const codes = errorsOf(operation);
  const statusOf = (code: ErrorCode) => errorRow(code).status;
  const problems = [...new Set(codes.map(statusOf))].map((status) => [
    status,
    describe(
      status,
      codes.filter((code) => statusOf(code) === status),
    ),
  ]);
  return {
    ...(isCompared(operation) && { 304: { description: 'Nothing has changed since the `If-None-Match`' } }),
    ...Object.fromEntries(problems),
  };
}

/** Whole answers in JSON have an ETag. */
const isCompared = ({ method, answers }: Operation) =>
  method === 'get' && answers[200]?.content?.['application/json'] !== undefined;

function describe(status: number, codes: readonly ErrorCode[]) {
  const header = headers[status];
  return {
    description: codes.map((code) => `\`${code}\`: ${errorRow(code).title}`).join('. '),
    ...(header && {
      headers: { [header.name]: { description: header.text, schema: { type: 'string' } } },
    }),
    content: {
      'application/problem+json': {
        schema: {
          $ref: '#/components/schemas/Problem',
          properties: { status: { const: status }, code: { enum: codes } },
        },
      },
    },
  };
}

const headers: Readonly<Record<number, { readonly name: string; readonly text: string }>> = {
  401: { name: 'WWW-Authenticate', text: 'Bearer (RFC 6750)' },
  429: { name: 'Retry-After', text: 'Seconds' },
  503: { name: 'Retry-After', text: 'Seconds' },
};
