import createFetchClient from 'openapi-fetch';
import { type BatchCalls, batchCalls, dataOf } from './batches.js';
import { ApiError } from './errors.js';
import { type EventCalls, eventCalls } from './events.js';
import { type FunctionCalls, functionCalls } from './functions.js';
import { type LogLine, logLines } from './log.js';
import type { components, operations, paths } from './schema.js';
import { createSend, fewRetries, manyRetries, pause } from './send.js';
import { type TenantCalls, tenantCalls } from './tenants.js';
import { type Archive, type Source, sendArchive } from './upload.js';
import { type WebhookCalls, webhookCalls } from './webhooks.js';

type Schemas = components['schemas'];
export type Job = Schemas['Job'];
/** What is to be built. */
export type JobRequest = Schemas['JobRequest'];
export type JobState = Job['state'];
export type JobPage = Schemas['JobPage'];
export type Builder = Schemas['Builder'];
type PublicKey = Schemas['PublicKey'];
export type Queue = Schemas['Queue'];
export type Stats = Schemas['Stats'];
type StatsQuery = NonNullable<operations['getStats']['parameters']['query']>;
export type AuditPage = Schemas['AuditPage'];
export type AuditEntry = Schemas['AuditEntry'];
export type ListAuditQuery = NonNullable<operations['listAudit']['parameters']['query']>;
export type ListJobsQuery = NonNullable<operations['listJobs']['parameters']['query']>;

export interface ClientOptions {
  /** Of the API, e.g. `http://127.0.0.1:8080`; it may have a path. */
  readonly url: string;
  readonly token: string;
  /** Milliseconds before a request is sent again; doubled each time, up to five seconds. Default 200. */
  readonly firstDelayMs?: number;
}

interface Call {
  readonly signal?: AbortSignal | undefined;
}

/**
 * The API of Slipway. Calls reject with `ApiError` when they are refused and with `ConnectionError` when nobody answers.
 * They are sent again a few times while the server is away (connection refused or broken, 502, 503). What is posted has an `Idempotency-Key`, the same for each try, so that it is
 * done once; an archive that cannot be read twice is sent once.
 */
export interface Client extends BatchCalls, EventCalls, FunctionCalls, TenantCalls, WebhookCalls {
  uploadSource(options: Call & { archive: Archive }): Promise<Source & { created: boolean }>;
  /** Undefined when there is no such source. */
  findSource(options: Call & { digest: string }): Promise<Source | undefined>;
  submitJob(options: Call & { spec: JobRequest }): Promise<Job>;
  /** `wait`: seconds, at most 60, to wait for the job to end before it is answered as it is. */
  getJob(options: Call & { id: string; wait?: number }): Promise<Job>;
  listJobs(options?: Call & { query?: ListJobsQuery }): Promise<JobPage>;
  /** A queued job is canceled at once, a running one soon after. */
  cancelJob(options: Call & { id: string }): Promise<Job>;
  /** A new job of the same as one that has ended. */
  retryJob(options: Call & { id: string }): Promise<Job>;
  /**
   * The log, line by line, until the job has ended; with `follow: false`, as far as it stands. A broken connection is taken
   * up where it broke. `after`: `<attempt>-<line>`, only lines after that one.
   */
  followLog(options: Call & { id: string; follow?: boolean; after?: string }): AsyncGenerator<LogLine, void>;
  /** The job once it has ended, however long that takes. */
  waitForEnd(options: Call & { id: string }): Promise<Job>;
  listBuilders(options?: Call): Promise<Builder[]>;
  /** What the builders want build secrets to be sealed with. */
  getPublicKey(options?: Call): Promise<PublicKey>;
  /** `drain`: the builder finishes what it has and gets no more, until `resume`. Needs the installation's own token. */
  steerBuilder(options: Call & { id: string; verb: 'drain' | 'resume' }): Promise<Builder>;
  queue(options?: Call): Promise<Queue>;
  /** What was built and how long it waited, over time. Of replicas for tokens with the scope `builders:read`. */
  stats(options?: Call & { query?: StatsQuery }): Promise<Stats>;
  /** Who changed what, newest first. Needs the scope `admin`. */
  listAudit(options?: Call & { query?: ListAuditQuery }): Promise<AuditPage>;
}

const waitSeconds = 30;

/** Throws `TypeError` when `url` is not that of an http server. */
export function createClient(options: ClientOptions): Client {
  const { firstDelayMs = 200 } = options;
  const baseUrl = parseUrl(options.url);
  const headers = { Authorization: `Bearer ${options.token}` };
  const send = createSend({ firstDelayMs });
  const fetchWith = (retries: number) => (request: Request) => {
    if (request.method === 'POST') request.headers.set('Idempotency-Key', crypto.randomUUID());
    return send({ request: () => request.clone(), retries });
  };
  const api = createFetchClient<paths>({
    baseUrl,
    headers,
    redirect: 'manual',
    fetch: fetchWith(fewRetries),
  });

  const getJob = async ({ id, wait, signal }: Call & { id: string; wait?: number }, retries: number) =>
    dataOf(
      await api.GET('/v1/jobs/{id}', {
        params: { path: { id }, query: wait === undefined ? {} : { wait } },
        fetch: fetchWith(retries),
        ...(signal && { signal }),
      }),
    );

  return {
    ...batchCalls({ api, send, baseUrl, headers, fetchWith, firstDelayMs }),
    ...eventCalls({ send, baseUrl, headers, firstDelayMs }),
    ...functionCalls({ api, send, baseUrl, headers }),
    ...tenantCalls({ api, fetchWith }),
    ...webhookCalls({ api }),
    async uploadSource({ archive, signal }) {
      const url = `${baseUrl}/v1/sources`;
      const sent = await sendArchive<Source>({ send, method: 'POST', url, headers, archive, signal });
      return { ...sent.body, created: sent.created };
    },
    async findSource({ digest, signal }) {
      try {
        const answer = await api.GET('/v1/sources/{digest}', {
          params: { path: { digest } },
          headers: { Accept: 'application/json' },
          ...(signal && { signal }),
        });
        return dataOf(answer) as Source;
      } catch (error) {
        if (error instanceof ApiError && error.code === 'not_found') return undefined;
        throw error;
      }
    },
    async submitJob({ spec, signal }) {
      return dataOf(await api.POST('/v1/jobs', { body: spec, ...(signal && { signal }) }));
    },
    getJob: (call) => getJob(call, fewRetries),
    async listJobs({ query = {}, signal } = {}) {
      return dataOf(await api.GET('/v1/jobs', { params: { query }, ...(signal && { signal }) }));
    },
    async cancelJob({ id, signal }) {
      return dataOf(
        await api.POST('/v1/jobs/{id}/cancel', { params: { path: { id } }, ...(signal && { signal }) }),
      );
    },
    async retryJob({ id, signal }) {
      const params = { path: { id } };
      return dataOf(await api.POST('/v1/jobs/{id}/retry', { params, ...(signal && { signal }) }));
    },
    followLog: ({ id, follow = true, after, signal }) =>
      logLines({
        send,
        url: `${baseUrl}/v1/jobs/${encodeURIComponent(id)}/logs`,
        headers,
        follow,
        after,
        signal,
        firstDelayMs,
      }),
    async waitForEnd({ id, signal }) {
      while (true) {
        const asked = performance.now();
        const job = await getJob({ id, wait: waitSeconds, signal }, manyRetries);
        if (hasEnded(job.state)) return job;
        // A server that is shutting down answers at once.
        if (performance.now() - asked < 1_000) await pause(firstDelayMs, signal);
      }
    },
    async getPublicKey({ signal } = {}) {
      return dataOf(await api.GET('/publickey', { ...(signal && { signal }) }));
    },
    async listBuilders({ signal } = {}) {
      return dataOf(await api.GET('/v1/builders', { ...(signal && { signal }) })).builders;
    },
    async steerBuilder({ id, verb, signal }) {
      const call = { params: { path: { id } }, ...(signal && { signal }) };
      const path = verb === 'drain' ? '/v1/builders/{id}/drain' : '/v1/builders/{id}/resume';
      return dataOf(await api.POST(path, call));
    },
    async listAudit({ query = {}, signal } = {}) {
      return dataOf(await api.GET('/v1/audit', { params: { query }, ...(signal && { signal }) }));
    },
    async stats({ query = {}, signal } = {}) {
      return dataOf(await api.GET('/v1/stats', { params: { query }, ...(signal && { signal }) }));
    },
    async queue({ signal } = {}) {
      return dataOf(await api.GET('/v1/queue', { ...(signal && { signal }) }));
    },
  };
}

/** Whether a job in this state stays in it for ever. */
export function hasEnded(state: JobState): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'canceled';
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new TypeError(`'${text}' is not an http or https URL, such as http://127.0.0.1:8080`);
  }
  if (url.username !== '' || url.password !== '') throw new TypeError('the URL must not hold credentials');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
