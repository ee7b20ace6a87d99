import { createHash } from 'node:crypto';
import type { GitSource, Scope } from '@slipway/shared/contracts';
import { type ErrorCode, SlipwayError } from '@slipway/shared/errors';
import type { JsonBounds } from '@slipway/shared/json';
import type { Request, Response, Router } from 'express';
import { z } from 'zod';
import { fetchAhead } from '../git/fetched-git.js';
import type { GitSources } from '../git/git-sources.js';
import { type Ids, newIds } from '../idempotency/ids.js';
import { answerAfter, idempotencyKeyOf, type OnceDeps, once } from '../idempotency/once.js';
import type { ReplicatedWrites } from '../replication/replicated-writes.js';
import { accountOf, requireScope } from './auth.js';
import { lingerThenClose } from './connection.js';
import { parseJsonBytes, readJsonBytes } from './json-body.js';
import { jsonBoundsOf } from './json-bounds.js';
import type { ArrivedBody, LargeBodies } from './large-bodies.js';
import { validate } from './validate.js';

interface Answer {
  readonly description: string;
  /** Media type → schema; a text describes the bytes. */
  readonly content?: Readonly<Record<string, z.ZodType | string>>;
  /** Media types that only the description names: generated clients would request them and fail to parse them. */
  readonly inWords?: Readonly<Record<string, z.ZodType | string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A form that may be sent in place of JSON, and gives the same body. */
export interface BodyForm<B> {
  readonly description: string;
  /** The parts, by name. */
  readonly parts: z.ZodObject;
  /** The media type of each part. */
  readonly types: Readonly<Record<string, string>>;
  /** Receives the form. `digest` is the same for the same content in any encoding. */
  receive(
    req: Request,
    res: Response,
    bodies: LargeBodies,
  ): Promise<{ readonly body: B; readonly digest: string; readonly giveBack: () => void }>;
}

/** A route. The server parses by it, and the OpenAPI document describes it. */
export interface Operation<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly id: string;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** The path, with `{name}` for parameters, as in OpenAPI. */
  readonly path: string;
  /** The scope that the token needs; `none`: no token, since the operation authenticates the sender itself. */
  readonly scope: Scope | 'none';
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: P;
  readonly query?: Q;
  /** The schema of a JSON body. */
  readonly body?: B;
  /** Limit of a JSON body; a mebibyte by default. */
  readonly maxBodyBytes?: number;
  /** Returns the git repositories that a body names. They are fetched while a large body is out of memory. */
  readonly gitSources?: (body: z.output<B>) => readonly GitSource[];
  /** A form that may be sent in place of the JSON, as `multipart/form-data`. */
  readonly form?: BodyForm<z.output<B>>;
  /** A streamed body: its media types and its description. */
  readonly stream?: { readonly types: readonly string[]; readonly description: string };
  readonly headers?: Readonly<Record<string, string>>;
  /** True if the operation runs once per `Idempotency-Key`. Defaults to true for POST without a streamed body. */
  readonly idempotencyKey?: boolean;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Codes of problem answers besides those of every route. */
  readonly errors: readonly ErrorCode[];
  /** The name of the schema of errors in plain JSON, for clients that do not parse problems. */
  readonly errorSchema?: string;
}

export interface Call<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** The source of git repositories. The repositories that `gitSources` named of a large body are fetched already. */
  readonly git: Pick<GitSources, 'take'>;
  /** The source of ids for new jobs and batches. */
  readonly ids: Ids;
  readonly req: Request;
  readonly res: Response;
}

/** The dependencies of every operation. */
export interface OperationDeps extends OnceDeps {
  readonly bodies: LargeBodies;
  readonly git: Pick<GitSources, 'take'>;
  readonly replicated: Pick<ReplicatedWrites, 'confirm'>;
}

/** An operation with its handler, ready to mount. */
export interface Endpoint {
  readonly operation: Operation<z.ZodType, z.ZodType, z.ZodType>;
  readonly handle: (req: Request, res: Response, deps: OperationDeps) => Promise<void>;
}

export const usualJsonBytes = 1024 * 1024;
/** Milliseconds in which a small body must arrive. */
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
  const defaults = query?.safeParse({});
  const queryOf = (req: Request): z.output<Q> => {
    // Most requests have no query, and its defaults are known.
    if (defaults?.success && !req.originalUrl.includes('?'))
      return { ...(defaults.data as object) } as z.output<Q>;
    return (query ? validate(query, req.query, 'query') : {}) as z.output<Q>;
  };
  const parse = async (from: Request | ArrivedBody, req: Request, res: Response) => {
    const bytes = bounds && (await jsonBytes({ from, req, res, maxBytes: maxBodyBytes, bounds }));
    if (bytes && onceAKey && 'idempotency-key' in req.headers) {
      digests.set(req, createHash('sha256').update(bytes).digest('hex'));
    }
    return validate(body as z.ZodType, bytes && parseJsonBytes(bytes), 'body') as z.output<B>;
  };
  /** Calls back with the body and its fetched git sources, and keeps both in memory only during the call. */
  const withBody = async (
    req: Request,
    res: Response,
    { bodies, git }: OperationDeps,
    then: (body: z.output<B>, git: Pick<GitSources, 'take'>) => Promise<void>,
  ) => {
    if (form && req.is(formType)) {
      // Checked before the archive is received.
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
    /** Returns the repositories to fetch first; undefined when the request was carried out. */
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
        query: queryOf(req),
        req,
        res,
      };
      await withBody(req, res, deps, async (received, git) => {
        const call = { ...asked, body: received, git };
        if (!isChange(operation)) return await handler({ ...call, ids: newIds() });
        const work = async (ids: Ids) => {
          await handler({ ...call, ids });
          if (res.statusCode < 300) await deps.replicated.confirm(ids.first);
        };
        if (!onceAKey) return await answerAfter(res, () => work(newIds()));
        await once({
          ...deps,
          req,
          res,
          tenant: accountOf(res).name,
          bodyDigest: digests.get(req),
          work,
        });
      });
    },
  };
}

/** Returns true if a 2xx answer of an operation acknowledges a change. An operation without a scope acknowledges it by itself. */
export function isChange({ method, scope }: Pick<Endpoint['operation'], 'method' | 'scope'>): boolean {
  return method !== 'get' && scope !== 'none';
}

/** Returns true if an operation runs once per `Idempotency-Key`. Streamed bodies are identified by their content instead. */
export function takesIdempotencyKey({
  method,
  scope,
  stream,
  idempotencyKey = method === 'post' && stream === undefined && scope !== 'none',
}: Pick<Endpoint['operation'], 'method' | 'scope' | 'stream' | 'idempotencyKey'>): boolean {
  return idempotencyKey;
}

/** Mounts endpoints, and answers 405 with `Allow` for other methods on their paths. */
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
      throw new SlipwayError('method_not_allowed', `${req.method} is not allowed for ${req.path}.`);
    });
  }
}

function checkType(req: Request, types: readonly string[]): void {
  const type = req.headers['content-type'];
  // A body without a type is read as the expected type.
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
