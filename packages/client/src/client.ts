import createFetchClient from 'openapi-fetch';
import { type BatchCalls, batchCalls, dataOf } from './batches.js';
import { type CampaignCalls, campaignCalls } from './campaigns.js';
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
/** The job to submit. */
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
  /** URL of the API, e.g. `http://127.0.0.1:8080`. It may have a path. */
  readonly url: string;
  readonly token: string;
  /** Milliseconds before the first retry. Each further retry doubles it, up to five seconds. Default 200. */
  readonly firstDelayMs?: number;
}

interface Call {
  readonly signal?: AbortSignal | undefined;
}

/**
 * The API of Slipway. A refused call rejects with `ApiError`, a call without an answer with `ConnectionError`.
 * Calls are retried a few times while the server is away (connection refused or broken, 502, 503). A POST has an
 * `Idempotency-Key`, the same for each try, so the server does it once. An archive that cannot be read twice is sent once.
 */
export interface Client
  extends BatchCalls,
    CampaignCalls,
    EventCalls,
    FunctionCalls,
    TenantCalls,
    WebhookCalls {
  /** URL of the API, without a slash at its end. The pages of its dashboard are below it, such as `/jobs/{id}` and `/batches/{id}`. */
  readonly url: string;
  uploadSource(options: Call & { archive: Archive }): Promise<Source & { created: boolean }>;
  /** Returns the source, or undefined when it does not exist. */
  findSource(options: Call & { digest: string }): Promise<Source | undefined>;
  submitJob(options: Call & { spec: JobRequest }): Promise<Job>;
  /** Returns the job. `wait`: seconds, at most 60, to wait for its end. After that the job is returned as it is. */
  getJob(options: Call & { id: string; wait?: number }): Promise<Job>;
  listJobs(options?: Call & { query?: ListJobsQuery }): Promise<JobPage>;
  /** Cancels a queued job immediately and a running job soon after. */
  cancelJob(options: Call & { id: string }): Promise<Job>;
  /** Submits a copy of a job that has ended. */
  retryJob(options: Call & { id: string }): Promise<Job>;
  /**
   * Yields the log line by line until the job has ended. With `follow: false` it ends at the last line written so far. A broken
   * connection resumes where it broke. `after`: `<attempt>-<line>`; only later lines are yielded.
   */
  followLog(options: Call & { id: string; follow?: boolean; after?: string }): AsyncGenerator<LogLine, void>;
  /** Returns the job once it has ended. There is no time limit. */
  waitForEnd(options: Call & { id: string }): Promise<Job>;
  listBuilders(options?: Call): Promise<Builder[]>;
  /** Returns the public key of the builders, with which build secrets are sealed. */
  getPublicKey(options?: Call): Promise<PublicKey>;
  /** `drain`: the builder finishes its builds and receives no more until `resume`. Needs the installation's own token. */
  steerBuilder(options: Call & { id: string; verb: 'drain' | 'resume' }): Promise<Builder>;
  queue(options?: Call): Promise<Queue>;
  /** Holds all jobs: none starts. Needs the scope `admin`. */
  holdQueue(options?: Call): Promise<void>;
  /** Releases held jobs. `cancel`: first cancels jobs that may have run since a backup. Needs the scope `admin`. */
  releaseQueue(options: Call & { jobs: 'run' | 'cancel' }): Promise<{ canceled: number }>;
  /** Returns builds and waiting times over time. Replicas are included for tokens with the scope `builders:read`. */
  stats(options?: Call & { query?: StatsQuery }): Promise<Stats>;
  /** Returns the audit log, newest first. Needs the scope `admin`. */
  listAudit(options?: Call & { query?: ListAuditQuery }): Promise<AuditPage>;
}

const waitSeconds = 30;

/** Returns a client. Throws `TypeError` when `url` is not the URL of an HTTP server. */
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
    url: baseUrl,
    ...batchCalls({ api, send, baseUrl, headers, fetchWith, firstDelayMs }),
    ...campaignCalls({ api }),
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
        // A server that is shutting down answers immediately.
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
    async holdQueue({ signal } = {}) {
      await api.POST('/v1/queue/hold', { ...(signal && { signal }) });
    },
    async releaseQueue({ jobs, signal }) {
      return dataOf(await api.POST('/v1/queue/release', { body: { jobs }, ...(signal && { signal }) }));
    },
  };
}

/** Returns true when a job in this state never leaves it. */
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
