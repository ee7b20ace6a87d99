import { STATUS_CODES } from 'node:http';
import { type ErrorCode, errorRow, SlipwayError, toProblem } from '@slipway/shared/errors';
import { type Endpoint, isChange, takesIdempotencyKey } from '../http/operation.js';

type Operation = Endpoint['operation'];

/** Returns every code of an operation: its own codes, and those of its kind of request. */
export function errorsOf(operation: Operation): ErrorCode[] {
  const { scope, params, query, body, stream, errors } = operation;
  const codes: ErrorCode[] = [
    ...(scope === 'none' ? [] : ofTokens),
    ...(params || query || body ? (['request_invalid'] as const) : []),
    ...(body ? (['json_invalid', 'json_too_complex'] as const) : []),
    ...(body || stream ? ofBodies : []),
    ...(takesIdempotencyKey(operation) ? ofKeys : []),
    ...(isChange(operation) ? (['redis_not_replicated'] as const) : []),
    ...errors,
    ...ofAll,
  ];
  return [...new Set(codes)];
}

/** Errors before routing, so that they are problems on every route. */
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

/** Returns the error responses of an operation, and 304 if its answer has an ETag. */
export function problemAnswers(operation: Operation, usual: UsualProblems): Record<string, unknown> {
  const problems = statusesOf(errorsOf(operation)).map((status) => [
    status,
    describe({ operation, status, usual: usual.get(status) }),
  ]);
  return {
    ...(isCompared(operation) && { 304: { $ref: place(304) } }),
    ...Object.fromEntries(problems),
  };
}

/** The most frequent description of problems, by status: that of the shared response. */
export type UsualProblems = ReadonlyMap<number, string>;

/** Returns the most frequent description of problems, by status. */
export function usualProblems(operations: readonly Operation[]): UsualProblems {
  const statuses = statusesOf(operations.flatMap(errorsOf)).sort((one, other) => one - other);
  return new Map(
    statuses.map((status) => {
      const texts = operations
        .filter((operation) => errorsOf(operation).some((code) => errorRow(code).status === status))
        .map((operation) => descriptionOf(operation, status));
      return [status, mostFrequent(texts) ?? ''];
    }),
  );
}

const mostFrequent = <T>(values: readonly T[]): T | undefined => {
  const times = (value: T) => values.filter((each) => each === value).length;
  return values.toSorted((one, other) => times(other) - times(one))[0];
};

const statusesOf = (codes: readonly ErrorCode[]) => [...new Set(codes.map((code) => errorRow(code).status))];

/** Returns the responses that operations refer to, by name. */
export function sharedAnswers(
  operations: readonly Operation[],
  usual: UsualProblems,
): Record<string, unknown> {
  const codes = operations.flatMap(errorsOf);
  const problems = [...usual].map(([status, description]) => [
    nameOf(status),
    {
      description,
      ...headersOf(status),
      content: { 'application/problem+json': { schema: problem, example: exampleOf(status, codes) } },
    },
  ]);
  return {
    [nameOf(304)]: { description: 'Nothing has changed since the ETag in `If-None-Match`' },
    ...Object.fromEntries(problems),
  };
}

/** Returns the most frequent problem of this status. */
function exampleOf(status: number, codes: readonly ErrorCode[]) {
  const code = mostFrequent(codes.filter((each) => errorRow(each).status === status)) ?? 'internal';
  return { ...toProblem(new SlipwayError(code)), request_id: '0b7c1c0e-6a0f-4a1e-9d0a-3f4f0f6f2a51' };
}

/** Returns `NotFound` for 404. */
const nameOf = (status: number) => STATUS_CODES[status]?.replaceAll(/[^A-Za-z]/g, '') ?? `Status${status}`;
const place = (status: number) => `#/components/responses/${nameOf(status)}`;
const problem = { $ref: '#/components/schemas/Problem' };

/** Returns true for operations whose whole JSON answer has an ETag. */
const isCompared = ({ method, answers }: Operation) =>
  method === 'get' && answers[200]?.content?.['application/json'] !== undefined;

interface DescribeOptions {
  readonly operation: Operation;
  readonly status: number;
  readonly usual: string | undefined;
}

const codesOf = (operation: Operation, status: number) =>
  errorsOf(operation).filter((code) => errorRow(code).status === status);

function descriptionOf(operation: Operation, status: number): string {
  const own = operation.answers[status]?.description;
  const errors = codesOf(operation, status).map((code) => `\`${code}\`: ${errorRow(code).title}`);
  return [...(own === undefined ? [] : [own]), ...errors].join('. ');
}

function describe({ operation, status, usual }: DescribeOptions) {
  const { errorSchema } = operation;
  const codes = codesOf(operation, status);
  const description = descriptionOf(operation, status);
  if (errorSchema === undefined)
    return { $ref: place(status), ...(description !== usual && { description }) };
  const unread = codes.some((code) => ofHeaders.includes(code));
  const read = codes.some((code) => !ofHeaders.includes(code));
  return {
    description,
    ...headersOf(status),
    content: {
      ...(read && { 'application/json': { schema: { $ref: `#/components/schemas/${errorSchema}` } } }),
      ...(unread && { 'application/problem+json': { schema: problem } }),
    },
  };
}

function headersOf(status: number) {
  const header = headers[status];
  return header && { headers: { [header.name]: { description: header.text, schema: { type: 'string' } } } };
}

const headers: Readonly<Record<number, { readonly name: string; readonly text: string }>> = {
  401: { name: 'WWW-Authenticate', text: 'Bearer (RFC 6750)' },
  429: { name: 'Retry-After', text: 'Seconds' },
  503: { name: 'Retry-After', text: 'Seconds' },
};
