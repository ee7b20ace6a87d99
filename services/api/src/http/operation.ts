import { createHash } from 'node:crypto';
import type { GitSource, Scope } from '@slipway/shared/contracts';
import { type ErrorCode, SlipwayError } from '@slipway/shared/errors';
import type { JsonBounds } from '@slipway/shared/json';
import type { Request, Response, Router } from 'express';
import { z } from 'zod';
import { fetchAhead } from '../git/fetched-git.js';
import type { GitSources } from '../git/git-sources.js';
import { type Ids, newIds } from '../idempotency/ids.js';
import { idempotencyKeyOf, type OnceDeps, once } from '../idempotency/once.js';
import { accountOf, requireScope } from './auth.js';
import { lingerThenClose } from './connection.js';
import { parseJsonBytes, readJsonBytes } from './json-body.js';
import { jsonBoundsOf } from './json-bounds.js';
import type { ArrivedBody, LargeBodies } from './large-bodies.js';
import { validate } from './validate.js';

interface Answer {
  readonly description: string;
  /** Media type → schema; a string says what the bytes are. */
  readonly content?: Readonly<Record<string, z.ZodType | string>>;
  /** Media types that the document has in words alone: clients that are generated would ask for them and fail to read them. */
  readonly inWords?: Readonly<Record<string, z.ZodType | string>>;
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
  receive(
    req: Request,
    res: Response,
    bodies: LargeBodies,
  ): Promise<{ readonly body: B; readonly digest: string; readonly giveBack: () => void }>;
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
  /** The git repositories that a body names. They are fetched while a large body is out of memory. */
  readonly gitSources?: (body: z.output<B>) => readonly GitSource[];
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
  /** The name of the schema of errors, in plain JSON, where clients do not read problems. */
  readonly errorSchema?: string;
}

export interface Call<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Where git sources come from; what `gitSources` returned of a large body is there already. */
  readonly git: Pick<GitSources, 'take'>;
  /** Where the ids of jobs and batches that it makes come from. */
  readonly ids: Ids;
  readonly req: Request;
  readonly res: Response;
}

/** What every operation is carried out with. */
export interface OperationDeps extends OnceDeps {
  readonly bodies: LargeBodies;
  readonly git: Pick<GitSources, 'take'>;
}

/** An operation with its handler, ready to be mounted. */
export interface Endpoint {
  readonly operation: Operation<z.ZodType, z.ZodType, z.ZodType>;
  readonly handle: (req: Request, res: Response, deps: OperationDeps) => Promise<void>;
}

export const usualJsonBytes = 1024 * 1024;
/** Longer than a small body takes. */
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
  const { scope, params, query, body, form, stream, gitSources, maxBodyBytes = usualJsonBytes } = operation;
  const onceAKey = takesIdempotencyKey(operation);
  const digests = new WeakMap<object, string>();
  const bounds = body && jsonBoundsOf({ schema: body, isLarge: maxBodyBytes > usualJsonBytes });
  const parse = async (from: Request | ArrivedBody, req: Request, res: Response) => {
    const bytes = bounds && (await jsonBytes({ from, req, res, maxBytes: maxBodyBytes, bounds }));
    if (bytes && onceAKey && 'idempotency-key' in req.headers) {
      digests.set(req, createHash('sha256').update(bytes).digest('hex'));
    }
    return validate(body as z.ZodType, bytes && parseJsonBytes(bytes), 'body') as z.output<B>;
  };
  /** Calls back with the body, and with git sources that are fetched; both are in memory no longer than that takes. */
  const withBody = async (
    req: Request,
    res: Response,
    { bodies, git }: OperationDeps,
    then: (body: z.output<B>, git: Pick<GitSources, 'take'>) => Promise<void>,
  ) => {
    if (form && req.is(formType)) {
      // Before an archive is taken in for it.
      if (onceAKey) idempotencyKeyOf(req);
      const { body: received, digest, giveBack } = await form.receive(req, res, bodies);
      digests.set(req, digest);
      return await then(received, git).finally(giveBack);
    }
    if (body === undefined) return await then(undefined as z.output<B>, git);
    if (!req.is('application/json')) {
      throw new SlipwayError(
        'media_type_unsupported',
        `Send application/json${form ? ` or ${formType}` : ''}.`,
      );
    }
    if (scope === 'none' || !bodies.isLarge(req)) return await then(await parse(req, req, res), git);
    const large = await bodies.receive(req, res, maxBodyBytes);
    const read = () => parse(large.read(), req, res);
    /** Returns what has to be fetched first; undefined when the request was carried out. */
    const attempt = async () => {
      const value = await read();
      const named = gitSources?.(value) ?? [];
      if (named.length > 0) return named;
      await then(value, git);
      return undefined;
    };
    try {
      await large.takeTurn();
      const named = await attempt();
      if (named === undefined) return;
      large.giveBack();
      const fetched = await fetchAhead(named, git, accountOf(res));
      await large.takeTurn();
      await then(await read(), fetched);
    } finally {
      await large.discard();
    }
  };
  return {
    operation,
    async handle(req, res, deps) {
      if (scope !== 'none') requireScope(res, scope);
      if (stream) checkType(req, stream.types);
      const asked = {
        params: (params ? validate(params, req.params, 'path') : {}) as z.output<P>,
        query: (query ? validate(query, req.query, 'query') : {}) as z.output<Q>,
        req,
        res,
      };
      await withBody(req, res, deps, async (received, git) => {
        const call = { ...asked, body: received, git };
        if (!onceAKey) return await handler({ ...call, ids: newIds });
        await once({
          ...deps,
          req,
          res,
          tenant: accountOf(res).name,
          bodyDigest: digests.get(req),
          work: (ids) => handler({ ...call, ids }),
        });
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
export function mount(router: Router, endpoints: readonly Endpoint[], deps: OperationDeps): void {
  const methods = new Map<string, string[]>();
  for (const { operation, handle } of endpoints) {
    const path = operation.path.replaceAll(/\{(\w+)\}/g, ':$1');
    router[operation.method](path, (req: Request, res: Response) => handle(req, res, deps));
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

function checkType(req: Request, types: readonly string[]): void {
  const type = req.headers['content-type'];
  // A body without a type is taken for what it should be.
  if (type === undefined || types.includes(type.split(';')[0]?.trim().toLowerCase() ?? '')) return;
  throw new SlipwayError('media_type_unsupported', `Send ${types.join(' or ')}, not ${type}.`);
}

interface JsonOptions {
  readonly from: Request | ArrivedBody;
  readonly req: Request;
  readonly res: Response;
  readonly maxBytes: number;
  readonly bounds: JsonBounds;
}

async function jsonBytes({ from, req, res, maxBytes, bounds }: JsonOptions): Promise<Buffer | undefined> {
  const tooSlow = setTimeout(() => req.destroy(), bodyMs);
  try {
    return await readJsonBytes({ body: from, maxBytes, bounds });
  } catch (error) {
    if (!req.complete) lingerThenClose(req, res);
    throw error;
  } finally {
    clearTimeout(tooSlow);
  }
}
