import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dispatch, JobStore, toJob } from '@slipway/control-plane/jobs';
import { readLog } from '@slipway/control-plane/logs';
import { type BuildQueues, createBuildQueues } from '@slipway/control-plane/queues';
import { freePort } from '@slipway/local';
import { type BlobStore, openBlobStore } from '@slipway/shared/blobs';
import { Secret } from '@slipway/shared/config';
import { isTerminal, type Job, type JobSpec, jobSpecSchema } from '@slipway/shared/contracts';
import { parseAllowlist } from '@slipway/shared/egress';
import { defaultHttpSettings } from '@slipway/shared/http';
import { newId } from '@slipway/shared/ids';
import { Cleanups, runComponents } from '@slipway/shared/lifecycle';
import { createLogger, type Logger } from '@slipway/shared/logger';
import { connectRedis, type Keys, type Redis, redisKeys } from '@slipway/shared/redis';
import { noTracing, type Tracing } from '@slipway/shared/tracing';
import { createSourceStore } from '@slipway/source';
import { expect } from 'vitest';
import type { WorkerConfig } from '../config.js';
import { parseBuilders } from '../fleet/builders.js';
import { usualDelaysMs } from '../notify/next-step.js';
import { WebhookTokens } from '../notify/tokens.js';
import { createWorker } from '../worker.js';
import { archiveOf, type Files } from './archive.js';

export const payloadSecret = 'payload secret';
export const tenant = { name: 'default', weight: 1 };

/** An installation of its own: a prefix in a real Redis, a blob store in a temporary folder, one stored source. */
export interface Installation {
  readonly store: JobStore;
  readonly blobs: BlobStore;
  /** The folder of the blob store. */
  readonly folder: string;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly builds: BuildQueues;
  /** Stores a source, and returns its digest. */
  upload(files: Files): Promise<string>;
  /** Writes a record without putting it into the queue. */
  record(changes?: object): Promise<string>;
  submit(changes?: object): Promise<string>;
  /** Writes a record with all options, and adds released jobs to the queue. */
  create(id: string, changes: object, options: Parameters<JobStore['create']>[2]): Promise<void>;
  /** Waits for the job to end. */
  ended(id: string): Promise<Job>;
  job(id: string): Promise<Job>;
  log(id: string, attempt?: number): Promise<string | undefined>;
  /** Resolves when the worker is ready, or with `ready: false` when it answers at all. */
  startWorker(
    builders: readonly string[],
    changes?: Partial<WorkerConfig>,
    options?: { readonly ready: boolean },
  ): Promise<RunningWorker>;
  dispose(): Promise<void>;
}

interface RunningWorker {
  readonly url: string;
  stop(): Promise<void>;
}

/** `traced` is what workers and the submission of jobs write traces and logs to; neither unless given. */
export async function createInstallation(
  redisUrl: string,
  traced: { readonly tracing?: Tracing; readonly logger?: Logger } = {},
): Promise<Installation> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-worker-'));
  const { tracing = noTracing } = traced;
  const logger =
    traced.logger ?? createLogger({ name: 'worker', level: process.env.TEST_LOG_LEVEL ?? 'silent' });
  const cleanups = new Cleanups();
  const redisPrefix = `worker-test-${randomUUID()}`;
  const keys = redisKeys(redisPrefix);
  const redis = connectRedis({ url: redisUrl, name: 'test', logger, cleanups, mode: 'patient' });
  const blobs = await openBlobStore(`file://${folder}`);
  const builds = createBuildQueues({ redis, keys });
  const dispatch = new Dispatch({ redis, keys, builds, logger });
  const store = new JobStore({ redis, keys, dispatch, tracing });
  const withoutQueue = new JobStore({ redis, keys, tracing });
  const limits = { maxArchiveBytes: 1e6, maxBytes: 1e6, maxFiles: 100, maxRatio: 100 };
  const sources = createSourceStore({ blobs, limits });
  const upload = async (files: Files) => (await sources.ingest(archiveOf(files))).digest;
  const digest = await upload({ Dockerfile: 'FROM scratch\n' });
  const workers: RunningWorker[] = [];
  // Jobs for one image would wait for one another.
  let jobs = 0;
  const spec = (changes: object): JobSpec =>
    jobSpecSchema.parse({ image: `r.example/team/hello-${++jobs}:1`, source: { digest }, ...changes });
  const job = async (id: string): Promise<Job> => {
    const record = await store.get(id);
    if (!record) throw new Error(`there is no job ${id}`);
    return toJob(record);
  };
  const installation: Installation = {
    store,
    blobs,
    folder,
    redis,
    keys,
    builds,
    upload,
    job,
    async record(changes = {}) {
      const id = newId('job');
      await withoutQueue.create(id, spec(changes), { tenant });
      return id;
    },
    async create(id, changes, options) {
      await store.create(id, spec(changes), options);
    },
    async submit(changes = {}) {
      const id = newId('job');
      await store.create(id, spec(changes), { tenant });
      return id;
    },
    async ended(id) {
      await expect.poll(async () => isTerminal((await job(id)).state)).toBe(true);
      return await job(id);
    },
    async log(id, attempt = 1) {
      const after = { attempt, line: 0 };
      let text = '';
      for await (const lines of readLog({
        ...{ redis, keys, blobs, jobId: id, attempts: attempt, logParts: 0, running: false, after },
      }))
        text += lines.map((line) => `${line.text}\n`).join('');
      return text === '' ? undefined : text;
    },
    async startWorker(builders, changes = {}, { ready } = { ready: true }) {
      const worker = await startWorker({
        ...{ redisUrl, redisPrefix, folder, builders, changes, logger, tracing, ready },
      });
      workers.push(worker);
      return worker;
    },
    async dispose() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await cleanups.run(logger);
      rmSync(folder, { recursive: true });
    },
  };
  return installation;
}

async function startWorker(options: {
  redisUrl: string;
  redisPrefix: string;
  folder: string;
  builders: readonly string[];
  changes: Partial<WorkerConfig>;
  logger: Logger;
  tracing: Tracing;
  ready: boolean;
}): Promise<RunningWorker> {
  const port = await freePort();
  const config: WorkerConfig = {
    logLevel: 'fatal',
    shutdownGraceMs: 10_000,
    port,
    bindHost: '127.0.0.1',
    metricsPort: undefined,
    healthPort: undefined,
    http: defaultHttpSettings,
    redisUrl: options.redisUrl,
    redisPrefix: options.redisPrefix,
    egressAllow: parseAllowlist('127.0.0.0/8'),
    baseImageCheckSeconds: 0,
    blobStore: `file://${options.folder}`,
    blobStoreLogs: undefined,
    blobTemporaryDir: '/tmp',
    payloadSecret: new Secret(payloadSecret),
    previousPayloadSecrets: [],
    webhookSecret: undefined,
    publicUrl: undefined,
    webhookRetryDelaysMs: usualDelaysMs,
    webhookTokens: new WebhookTokens(),
    builders: parseBuilders(options.builders.join()),
    podDeletionCost: false,
    pools: [],
    poolDrainTargetMs: 300_000,
    registries: { insecureRegistries: [], dockerConfig: options.folder, helperEnv: {} },
    concurrency: 20,
    redisLossToleranceMs: 60_000,
    quarantineAfter: 2,
    queueTimeoutMs: 60_000,
    retention: { days: 30, failedDays: 90, jobs: 100_000 },
    deliveryRetention: { days: 3, failedDays: 30, deliveries: 100_000 },
    sourceGraceMs: 60_000,
    buildTimeoutMs: 60_000,
    lockDurationMs: 2_000,
    stalledIntervalMs: 500,
    maxAttempts: 3,
    registryRetryMs: 60_000,
    sourceSpoolBytes: 1024 * 1024,
    metricsFunctions: 0,
    ...options.changes,
  };
  const cleanups = new Cleanups();
  const stop = new AbortController();
  const running = runComponents(
    await createWorker({ config, logger: options.logger, cleanups, tracing: options.tracing }),
    stop.signal,
  );
  const url = `http://127.0.0.1:${port}`;
  await expect
    .poll(() =>
      fetch(`${url}/${options.ready ? 'readyz' : 'healthz'}`).then(
        ({ ok }) => ok,
        () => false,
      ),
    )
    .toBe(true);
  let stopped: Promise<void> | undefined;
  return {
    url,
    stop() {
      stopped ??= (async () => {
        stop.abort();
        await running;
        await cleanups.run(options.logger);
      })();
      return stopped;
    },
  };
}
