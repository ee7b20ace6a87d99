import { type ErrorCode, errorRow } from '@slipway/shared/errors';
import { type Endpoint, takesIdempotencyKey } from '../http/operation.js';

type Operation = Endpoint['operation'];

/** Every code that an operation may answer with: its own, and those that come of how it is asked. */
export function errorsOf(operation: Operation): ErrorCode[] {
  const { scope, params, query, body, stream, errors } = operation;
  const codes: ErrorCode[] = [
    ...(scope === 'none' ? [] : ofTokens),
    ...(params || query || body ? (['request_invalid'] as const) : []),
    ...(body ? (['json_invalid', 'json_too_complex'] as const) : []),
    ...(body || stream ? ofBodies : []),
    ...(takesIdempotencyKey(operation) ? ofKeys : []),
    ...errors,
    ...ofAll,
  ];
  return [...new Set(codes)];
}

/** Refused before the path is known, so these are problems on every route. */
const ofHeaders: readonly ErrorCode[] = ['headers_too_slow', 'headers_too_large'];
const ofRedis = [
  'redis_unavailable',
  'redis_readonly',
  'redis_unauthorized',
  'redis_cluster_node',
  'redis_evicts',
  'redis_full',
] as const;
const ofAll = [...ofRedis, ...ofHeaders, 'record_unreadable', 'internal'] as const;
const ofTokens = ['unauthorized', 'forbidden', 'too_many_failures', 'rate_limited', 'draining'] as const;
const ofBodies = ['media_type_unsupported', 'body_incomplete', 'body_too_large', 'body_too_slow'] as const;
const ofKeys = [
  'idempotency_key_invalid',
  'idempotency_key_reused',
  'stored_quota_exceeded',
  'idempotency_key_in_progress',
  'secret_unreadable',
] as const;

/** The responses of an operation that report errors, and 304 where there is an ETag to compare. */
export function problemAnswers(operation: Operation): Record<string, unknown> {
  const codes = errorsOf(operation);
  const statusOf = (code: ErrorCode) => errorRow(code).status;
  const problems = [...new Set(codes.map(statusOf))].map((status) => [
    status,
    describe({ operation, status, codes: codes.filter((code) => statusOf(code) === status) }),
  ]);
  return {
    ...(isCompared(operation) && { 304: { description: 'Nothing has changed since the `If-None-Match`' } }),
    ...Object.fromEntries(problems),
  };
}

/** Whole answers in JSON have an ETag. */
const isCompared = ({ method, answers }: Operation) =>
  method === 'get' && answers[200]?.content?.['application/json'] !== undefined;

interface DescribeOptions {
  readonly operation: Operation;
  readonly status: number;
  readonly codes: readonly ErrorCode[];
}

function describe({ operation, status, codes }: DescribeOptions) {
  const header = headers[status];
  const { answers, errorSchema } = operation;
  const own = answers[status]?.description;
  const unread = codes.filter((code) => ofHeaders.includes(code));
  const read = codes.filter((code) => !ofHeaders.includes(code));
  const problem = (shown: readonly ErrorCode[]) => ({
    $ref: '#/components/schemas/Problem',
    properties: { status: { const: status }, code: { enum: shown } },
  });
  const plain = {
    $ref: `#/components/schemas/${errorSchema}`,
    // A build that failed has the code of its failure.
    properties: { status: { const: 'failed' }, ...(own === undefined && { code: { enum: read } }) },
  };
  const errors = codes.map((code) => `\`${code}\`: ${errorRow(code).title}`);
  return {
    description: [...(own === undefined ? [] : [own]), ...errors].join('. '),
    ...(header && {
      headers: { [header.name]: { description: header.text, schema: { type: 'string' } } },
    }),
    content:
      errorSchema === undefined
        ? { 'application/problem+json': { schema: problem(codes) } }
        : {
            ...(read.length > 0 && { 'application/json': { schema: plain } }),
            ...(unread.length > 0 && { 'application/problem+json': { schema: problem(unread) } }),
          },
  };
}

const headers: Readonly<Record<number, { readonly name: string; readonly text: string }>> = {
  401: { name: 'WWW-Authenticate', text: 'Bearer (RFC 6750)' },
  429: { name: 'Retry-After', text: 'Seconds' },
  503: { name: 'Retry-After', text: 'Seconds' },
};
