import { createHash } from 'node:crypto';
import type { Scope } from '@slipway/shared/contracts';
import { type ErrorCode, SlipwayError } from '@slipway/shared/errors';
import express, { type Request, type RequestHandler, type Response, type Router } from 'express';
import { z } from 'zod';
import { type Ids, newIds } from '../idempotency/ids.js';
import { idempotencyKeyOf, type OnceDeps, once } from '../idempotency/once.js';
import { accountOf, requireScope } from './auth.js';
import { Turns } from './turns.js';
import { validate } from './validate.js';

interface Answer {
  readonly description: string;
  /** Media type → schema; a string says what the bytes are. */
  readonly content?: Readonly<Record<string, z.ZodType | string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A form of a body other than JSON, which becomes what the JSON would have been. */
export interface BodyForm<B> {
  readonly description: string;
  /** Its parts, by name. */
  readonly parts: z.ZodObject;
  /** Of each part. */
  readonly types: Readonly<Record<string, string>>;
  /** `digest` is the same for the same content, however that was sent. */
  receive(req: Request, res: Response): Promise<{ readonly body: B; readonly digest: string }>;
}

/** One route: what the server parses by and what the OpenAPI document says are the same thing. */
export interface Operation<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly id: string;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With `{name}` for parameters, as in OpenAPI. */
  readonly path: string;
  /** What the token must allow; `none`: taken without one, as the operation has its own way to know who asks. */
  readonly scope: Scope | 'none';
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: P;
  readonly query?: Q;
  /** A JSON body. */
  readonly body?: B;
  /** What a JSON body may take; a mebibyte unless said otherwise. */
  readonly maxBodyBytes?: number;
  /** What may be sent in place of the JSON, as `multipart/form-data`. */
  readonly form?: BodyForm<z.output<B>>;
  /** A body that is streamed: its media types, and what it is. */
  readonly stream?: { readonly types: readonly string[]; readonly description: string };
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether it is done once for each `Idempotency-Key`; what is posted is, unless it is streamed or said otherwise. */
  readonly idempotencyKey?: boolean;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Codes of problem answers besides those that any route gives. */
  readonly errors: readonly ErrorCode[];
}

export interface Call<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Where the ids of jobs and batches that it makes come from. */
  readonly ids: Ids;
  readonly req: Request;
  readonly res: Response;
}

/** An operation with its handler, ready to be mounted. */
export interface Endpoint {
  readonly operation: Operation<z.ZodType, z.ZodType, z.ZodType>;
  readonly handle: (req: Request, res: Response, idempotency: OnceDeps) => Promise<void>;
}

export const usualJsonBytes = 1024 * 1024;
/** A large body takes some times its size until it is dealt with: so many at once. */
const largeAtOnce = 2;
/** Longer than any body takes; one that takes its turn must use it. */
const bodyMs = 60_000;
export const formType = 'multipart/form-data';
const nothing = z.object({});

export function endpoint<
  P extends z.ZodType = typeof nothing,
  Q extends z.ZodType = typeof nothing,
  B extends z.ZodType = z.ZodUndefined,
>(
  operation: Operation<P, Q, B>,
  handler: (call: Call<z.output<P>, z.output<Q>, z.output<B>>) => Promise<void>,
): Endpoint {
  const { scope, params, query, body, form, stream, maxBodyBytes = usualJsonBytes } = operation;
  const onceAKey = takesIdempotencyKey(operation);
  const digests = new WeakMap<object, string>();
  const readJson = express.json({
    limit: maxBodyBytes,
    strict: true,
    verify(req, _res, bytes) {
      if (onceAKey && 'idempotency-key' in req.headers) {
        digests.set(req, createHash('sha256').update(bytes).digest('hex'));
      }
    },
  });
  const readBody = async (req: Request, res: Response) => {
    if (form && req.is(formType)) {
      // Before an archive is taken in for it.
      if (onceAKey) idempotencyKeyOf(req);
      const { body: received, digest } = await form.receive(req, res);
      digests.set(req, digest);
      return received;
    }
    if (body === undefined) return undefined;
    if (!req.is('application/json')) {
      throw new SlipwayError(
        'media_type_unsupported',
        `Send application/json${form ? ` or ${formType}` : ''}.`,
      );
    }
    return validate(body, await jsonBody(readJson, req, res), 'body');
  };
  return {
    operation,
    async handle(req, res, idempotency) {
      if (scope !== 'none') requireScope(res, scope);
      if (stream) checkType(req, stream.types);
      const call = {
        params: (params ? validate(params, req.params, 'path') : {}) as z.output<P>,
        query: (query ? validate(query, req.query, 'query') : {}) as z.output<Q>,
        body: (await readBody(req, res)) as z.output<B>,
        req,
        res,
      };
      if (!onceAKey) return await handler({ ...call, ids: newIds });
      await once({
        ...idempotency,
        req,
        res,
        tenant: accountOf(res).name,
        bodyDigest: digests.get(req),
        work: (ids) => handler({ ...call, ids }),
      });
    },
  };
}

/** Whether an operation is done once for each `Idempotency-Key`. What is streamed is the same by its content. */
export function takesIdempotencyKey({
  method,
  scope,
  stream,
  idempotencyKey = method === 'post' && stream === undefined && scope !== 'none',
}: Pick<Endpoint['operation'], 'method' | 'scope' | 'stream' | 'idempotencyKey'>): boolean {
  return idempotencyKey;
}

/** Mounts endpoints, and answers 405 with `Allow` for the other methods of their paths. */
export function mount(router: Router, endpoints: readonly Endpoint[], idempotency: OnceDeps): void {
  const methods = new Map<string, string[]>();
  const largeBodies = new Turns(largeAtOnce);
  for (const { operation, handle } of endpoints) {
    const path = operation.path.replaceAll(/\{(\w+)\}/g, ':$1');
    const { maxBodyBytes = usualJsonBytes } = operation;
    router[operation.method](path, (req: Request, res: Response) =>
      maxBodyBytes > usualJsonBytes && isLarge(req)
        ? largeBodies.run(() => handle(req, res, idempotency))
        : handle(req, res, idempotency),
    );
    methods.set(path, [
      ...(methods.get(path) ?? []),
      operation.method === 'get' ? 'GET, HEAD' : operation.method.toUpperCase(),
    ]);
  }
  for (const [path, allowed] of methods) {
    router.all(path, (req, res) => {
      res.set('Allow', allowed.toSorted().join(', '));
      throw new SlipwayError('method_not_allowed', `${req.method} is not for ${req.path}.`);
    });
  }
}

/** Or may be, because it is packed or does not say. */
const isLarge = ({ headers }: Request) =>
  headers['content-encoding'] !== undefined || !(Number(headers['content-length']) <= usualJsonBytes);

function checkType(req: Request, types: readonly string[]): void {
  const type = req.headers['content-type'];
  // A body without a type is taken for what it should be.
  if (type === undefined || types.includes(type.split(';')[0]?.trim().toLowerCase() ?? '')) return;
  throw new SlipwayError('media_type_unsupported', `Send ${types.join(' or ')}, not ${type}.`);
}

async function jsonBody(readJson: RequestHandler, req: Request, res: Response): Promise<unknown> {
  const tooSlow = setTimeout(() => req.destroy(), bodyMs);
  try {
    await new Promise<void>((resolve, reject) => {
      readJson(req, res, (error?: unknown) => (error ? reject(error) : resolve()));
    });
  } finally {
    clearTimeout(tooSlow);
  }
  return req.body;
}
