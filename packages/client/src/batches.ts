import type { Client as FetchClient } from 'openapi-fetch';
import { eventStream } from './event-stream.js';
import type { components, operations, paths } from './schema.js';
import { fewRetries, manyRetries, pause, type Send } from './send.js';

type Schemas = components['schemas'];
export type Batch = Schemas['Batch'];
export type BatchRequest = Schemas['BatchRequest'];
export type BatchPlan = Schemas['BatchPlan'];
export type BatchPage = Schemas['BatchPage'];
export type BatchFailures = Schemas['BatchFailures'];
export type BatchJobEvent = Schemas['BatchJobEvent'];
type JobPage = Schemas['JobPage'];
type ListBatchesQuery = NonNullable<operations['listBatches']['parameters']['query']>;
type ListBatchJobsQuery = NonNullable<operations['listBatchJobs']['parameters']['query']>;

/** An event of a batch: a job changed, the counts changed, or the batch ended. */
export type BatchEvent =
  | { readonly type: 'job'; readonly job: BatchJobEvent; readonly position: string | undefined }
  | { readonly type: 'batch' | 'batch.finished'; readonly batch: Batch };

interface Call {
  readonly signal?: AbortSignal | undefined;
}

export interface BatchCalls {
  /** Submits a batch. Either all of its items are accepted or none. */
  submitBatch(options: Call & { batch: Omit<BatchRequest, 'dry_run'> }): Promise<Batch>;
  /** Returns what `submitBatch` would submit. */
  planBatch(options: Call & { batch: Omit<BatchRequest, 'dry_run'> }): Promise<BatchPlan>;
  /** Returns the batch. `wait`: seconds, at most 60, to wait for its end. After that the batch is returned as it is. */
  getBatch(options: Call & { id: string; wait?: number }): Promise<Batch>;
  listBatches(options?: Call & { query?: ListBatchesQuery }): Promise<BatchPage>;
  listBatchJobs(options: Call & { id: string; query?: ListBatchJobsQuery }): Promise<JobPage>;
  /** Returns the failures of the batch by cause. */
  listBatchFailures(options: Call & { id: string }): Promise<BatchFailures>;
  cancelBatch(options: Call & { id: string }): Promise<Batch>;
  /** Submits a new batch of all items, or of the failed and canceled items. `cause`: only items that failed with this cause of `listBatchFailures`. */
  retryBatch(options: Call & { id: string; which?: 'failed' | 'all'; cause?: string }): Promise<Batch>;
  /** Returns the batch once it has ended. There is no time limit. */
  waitForBatch(options: Call & { id: string }): Promise<Batch>;
  /**
   * Yields the events of the batch from its beginning to its end. The last event is `batch.finished`. A broken connection
   * resumes where it broke. `after`: the position of an event; only later events are yielded.
   */
  followBatch(options: Call & { id: string; after?: string }): AsyncGenerator<BatchEvent, void>;
}

interface BatchCallsOptions {
  readonly api: FetchClient<paths>;
  readonly send: Send;
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetchWith: (retries: number) => (request: Request) => Promise<Response>;
  readonly firstDelayMs: number;
}

const waitSeconds = 30;
const signalOf = ({ signal }: Call) => (signal ? { signal } : {});

export function batchCalls({
  api,
  send,
  baseUrl,
  headers,
  fetchWith,
  firstDelayMs,
}: BatchCallsOptions): BatchCalls {
  const get = async (call: Call & { id: string; wait?: number }, retries: number) => {
    const query = call.wait === undefined ? {} : { wait: call.wait };
    const params = { path: { id: call.id }, query };
    return dataOf(
      await api.GET('/v1/batches/{id}', { params, fetch: fetchWith(retries), ...signalOf(call) }),
    );
  };
  const post = async (call: Call, body: BatchRequest) =>
    dataOf(await api.POST('/v1/batches', { body, ...signalOf(call) }));
  return {
    submitBatch: async (call) => (await post(call, { ...call.batch, dry_run: false })) as Batch,
    planBatch: async (call) => (await post(call, { ...call.batch, dry_run: true })) as BatchPlan,
    getBatch: (call) => get(call, fewRetries),
    async listBatches({ query = {}, ...call } = {}) {
      return dataOf(await api.GET('/v1/batches', { params: { query }, ...signalOf(call) }));
    },
    async listBatchJobs({ id, query = {}, ...call }) {
      const params = { path: { id }, query };
      return dataOf(await api.GET('/v1/batches/{id}/jobs', { params, ...signalOf(call) }));
    },
    async listBatchFailures({ id, ...call }) {
      return dataOf(
        await api.GET('/v1/batches/{id}/failures', { params: { path: { id } }, ...signalOf(call) }),
      );
    },
    async cancelBatch({ id, ...call }) {
      return dataOf(
        await api.POST('/v1/batches/{id}/cancel', { params: { path: { id } }, ...signalOf(call) }),
      );
    },
    async retryBatch({ id, which = 'failed', cause, ...call }) {
      return dataOf(
        await api.POST('/v1/batches/{id}/retry', {
          params: { path: { id } },
          body: { which, ...(cause !== undefined && { cause }) },
          ...signalOf(call),
        }),
      );
    },
    async waitForBatch({ id, signal }) {
      while (true) {
        const asked = performance.now();
        const batch = await get({ id, wait: waitSeconds, signal }, manyRetries);
        if (batch.state === 'finished') return batch;
        // A server that is shutting down answers at once.
        if (performance.now() - asked < 1_000) await pause(firstDelayMs, signal);
      }
    },
    async *followBatch({ id, after, signal }) {
      const url = `${baseUrl}/v1/batches/${encodeURIComponent(id)}/events`;
      const stream = eventStream({
        send,
        url,
        headers,
        end: 'batch.finished',
        patient: true,
        after,
        signal,
        firstDelayMs,
      });
      for await (const { event: type, id: position, data } of stream) {
        if (type === 'job') yield { type, job: JSON.parse(data) as BatchJobEvent, position };
        else if (type === 'batch' || type === 'batch.finished') {
          yield { type, batch: JSON.parse(data) as Batch };
        }
      }
    },
  };
}

/** Returns the body of the response. `send` has already thrown for every status but 2xx. */
export function dataOf<T>({ data }: { data?: T }): T {
  if (data === undefined) throw new TypeError('the server answered without a body');
  return data;
}
