import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { RedisClock } from '@slipway/control-plane/clock';
import { BatchStore, createDispatcher, JobStore } from '@slipway/control-plane/jobs';
import { createBuildQueues, createSender } from '@slipway/control-plane/queues';
import { CountedFaults } from '@slipway/control-plane/records';
import { ReplicaRegistry, SlotLedger } from '@slipway/control-plane/replicas';
import { StatsStore, Tally } from '@slipway/control-plane/stats';
import { PayloadSecretStore } from '@slipway/control-plane/tenants';
import { createDeliveryDispatcher, DeliveryStore, EndpointStore } from '@slipway/control-plane/webhooks';
import { openBlobStore } from '@slipway/shared/blobs';
import { openSetting } from '@slipway/shared/config';
import { createEgressAgent } from '@slipway/shared/egress';
import { SlipwayError } from '@slipway/shared/errors';
import {
  healthRouter,
  healthServer,
  httpServer,
  metricsServer,
  notFoundHandler,
  problemHandler,
  securityHeaders,
} from '@slipway/shared/http';
import { makeIdsBy } from '@slipway/shared/ids';
import type { Cleanups, Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { measureCertificates, measureWrites, RedisMetrics, Registry } from '@slipway/shared/metrics';
import { connectRedis, RedisGuard, RedisTls, redisKeys } from '@slipway/shared/redis';
import { deriveKeys, webhookSecrets } from '@slipway/shared/signing';
import { noTracing, type Tracing } from '@slipway/shared/tracing';
import { cacheSources, createSourceReader, SourceOwners, SourceUses } from '@slipway/source';
import express from 'express';
import { Agent } from 'undici';
import { Attempts } from './attempts/attempt.js';
import { jobOfLease } from './attempts/build.js';
import { Interruptions } from './attempts/interruptions.js';
import type { WorkerConfig } from './config.js';
import { createConsumer } from './dispatch/consumer.js';
import { Discovery } from './fleet/discovery.js';
import { Engines } from './fleet/engines.js';
import { HealthDuty } from './fleet/health.js';
import { Placement } from './fleet/placement.js';
import { IsolationKey } from './isolation/isolation-key.js';
import { Batches } from './leader/batches.js';
import { BudgetRetention } from './leader/budget-retention.js';
import { Capacity } from './leader/capacity.js';
import { DeliverySweep } from './leader/deliveries.js';
import { DeliveryRetention } from './leader/delivery-retention.js';
import { Leader } from './leader/leader.js';
import { QueueDepth } from './leader/queue-depth.js';
import { Reconciler } from './leader/reconciler.js';
import { RemovalBudget } from './leader/removal-budget.js';
import { Resealing } from './leader/resealing.js';
import { Retention } from './leader/retention.js';
import { SourceCollection } from './leader/source-collection.js';
import { createMetrics } from './metrics.js';
import { Courier } from './notify/courier.js';
import { hrefFrom } from './notify/message.js';
import { Notifier } from './notify/notifier.js';
import { StatsWriter } from './stats/stats-writer.js';

/** Concurrent deliveries: twice the limit of one endpoint, so others have room while one hangs. */
const deliveryConcurrency = 100;
/** Share of the grace time that running builds may use before they are handed back. */
const drainShare = 0.7;

interface WorkerDeps {
  readonly config: WorkerConfig;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
  /** Off unless given. */
  readonly tracing?: Tracing;
}

/** Puts a worker together. Nothing runs until its components do. */
export async function createWorker(deps: WorkerDeps): Promise<Component[]> {
  const { config, logger, cleanups, tracing = noTracing } = deps;
  const workerName = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const keys = redisKeys(config.redisPrefix);
  const metricsRegistry = new Registry();
  const redisTls = config.redisAccess?.tls;
  const onCertificate = measureCertificates({
    registry: metricsRegistry,
    redis: redisTls && new RedisTls({ files: redisTls, logger }),
  });
  const redisMetrics = new RedisMetrics({ registry: metricsRegistry });
  const connection = (name: string, mode: 'request' | 'patient' = 'patient') =>
    connectRedis({
      ...{ url: config.redisUrl, access: config.redisAccess },
      ...{ name: `slipway-worker-${name}`, logger, cleanups, mode },
    });
  const probe = connection('probe', 'request');
  const guard = new RedisGuard({ redis: probe, keys, processName: workerName, logger });
  redisMetrics.watch('probe', probe);
  const connect = (name: string) => redisMetrics.watch(name, guard.watch(connection(name)));
  const redis = connect('main');
  measureWrites({ registry: metricsRegistry, guard });
  await guard.start();
  const clock = new RedisClock({ redis: probe, registry: metricsRegistry, logger });
  // Without Redis it is measured as soon as Redis is there.
  await clock.measure().catch(() => undefined);
  makeIdsBy(clock);
  const now = () => clock.now();
  const blobs = await openSetting('BLOB_STORE', () => openBlobStore(config.blobStore));
  const sources = cacheSources({ sources: createSourceReader({ blobs }) });
  const faults = new CountedFaults({ registry: metricsRegistry, logger });
  const { quarantineAfter, queueTimeoutMs } = config;
  const builds = createBuildQueues({ redis, keys });
  const store: JobStore = new JobStore({
    redis,
    keys,
    now,
    faults,
    quarantineAfter,
    queueTimeoutMs,
    onReleased: (jobs) => void dispatch(jobs),
  });
  const dispatch = createDispatcher({ store, builds, logger });
  const batches = new BatchStore({ redis, keys, now, faults });
  const deliveryQueue = createSender({ queue: 'deliveries', redis, keys });
  const deliveries = new DeliveryStore({
    redis,
    keys,
    faults,
    onRefused(refused) {
      metrics.deliveriesRefused.inc(refused.length);
      const [first] = refused;
      logger.warn(
        { tenant: first?.tenant, job_id: first?.job, count: refused.length },
        'messages are not sent: the tenant has no room for them (stored_bytes)',
      );
    },
  });
  const sealingKey = deriveKeys(config, 'callback secrets');
  const endpoints = new EndpointStore({ redis, keys, now, faults, sealingKey });
  const registry = new ReplicaRegistry({ redis, keys, now });
  const discovery = new Discovery({ builders: config.builders, registry, logger });
  const subscriber = connect('subscriber');
  const interruptions = new Interruptions({ store, subscriber, keys, logger });
  const placement = new Placement({
    ledger: new SlotLedger({ redis, keys, origin: workerName }),
    origin: workerName,
    discovery,
    ttlMs: config.lockDurationMs,
    onLost: ({ id }) => interruptions.interrupt(jobOfLease(id), 'slot_lost'),
    onCircuit(replica, change) {
      metrics.circuits.inc({ replica, change });
      logger.warn({ replica, change }, 'circuit');
    },
    subscriber,
    keys,
    logger,
  });
  const metrics = createMetrics({
    registry: metricsRegistry,
    inFlight: () => placement.inFlight(),
    leading: () => leader.leading,
    maxFunctions: config.metricsFunctions,
  });
  const builderAgent = new Agent({ connections: null, pipelining: 1, connect: { timeout: 5_000 } });
  const webhookAgent = createEgressAgent({
    allow: config.egressAllow,
    // Endpoints of one host must not wait for one another.
    connections: deliveryConcurrency,
    connectTimeoutMs: 5_000,
  });
  cleanups.defer('http agents', () => Promise.all([builderAgent.destroy(), webhookAgent.destroy()]));
  const tally = new Tally({ now });
  const stopping = new AbortController();
  const isolation = new IsolationKey({
    ...{ redis, keys, logger },
    sealingKey: deriveKeys(config, 'isolation key'),
  });
  const attempts = new Attempts({
    store,
    sources,
    blobs,
    redis,
    keys,
    placement,
    registry,
    interruptions,
    dispatcher: builderAgent,
    registries: config.registries,
    payloadSecret: config.payloadSecret,
    isolation,
    workerName,
    buildTimeoutMs: config.buildTimeoutMs,
    maxAttempts: config.maxAttempts,
    registryRetryMs: config.registryRetryMs,
    now,
    stopping: stopping.signal,
    random: Math.random,
    tracing,
    metrics,
    tally,
    logger,
  });
  const duties = [
    new HealthDuty({ registry, discovery, dispatcher: builderAgent, logger }),
    new Capacity({ registry, builds, logger }),
    new QueueDepth({ registry, store, tally }),
    new Reconciler({ redis, keys, store, builds, now, metrics, logger }),
    new Batches({ batches, store, dequeue: (id) => builds.remove(id), logger }),
    new Retention({
      ...{ store, blobs, now, logger },
      config: config.retention,
      budget: new RemovalBudget({ redis, keys, of: 'jobs' }),
    }),
    new DeliverySweep({ deliveries, queue: deliveryQueue, logger }),
    new BudgetRetention({ redis, keys, store, blobs, deliveries, logger }),
    new DeliveryRetention({
      ...{ deliveries, logger },
      config: config.deliveryRetention,
      budget: new RemovalBudget({ redis, keys, of: 'deliveries' }),
    }),
    ...(config.previousPayloadSecrets.length === 0
      ? []
      : [
          new Resealing({
            stores: [
              endpoints,
              isolation,
              new PayloadSecretStore({
                redis,
                keys,
                faults,
                sealingKey: deriveKeys(config, 'payload secrets'),
              }),
            ],
            logger,
          }),
        ]),
    new SourceCollection({
      redis,
      keys,
      blobs,
      uses: new SourceUses({ redis, keys }),
      owners: new SourceOwners({ redis, keys }),
      graceMs: config.sourceGraceMs,
      logger,
    }),
  ];
  const leader = new Leader({ redis, keys, clock, workerName, duties, logger });
  const courier = new Courier({
    deliveries,
    endpoints,
    dispatch: createDeliveryDispatcher({ deliveries, queue: deliveryQueue, logger }),
    sealingKey,
    defaultSecrets: webhookSecrets(config),
    tokens: config.webhookTokens,
    publicUrl: config.publicUrl,
    retryDelaysMs: config.webhookRetryDelaysMs,
    tracing,
    sendTraceContext: config.webhookTraceContext,
    dispatcher: webhookAgent,
    metrics,
    logger,
    now,
    random: Math.random,
  });
  const pools = [...new Set(config.builders.map(({ pool }) => pool))];
  const drain = () => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    setTimeout(() => interruptions.interruptAll('shutdown'), config.shutdownGraceMs * drainShare).unref();
  };
  const queue = {
    redis,
    keys,
    logger,
    lockDurationMs: config.lockDurationMs,
    stalledIntervalMs: config.stalledIntervalMs,
    now,
  };

  const health = (shown?: Registry) =>
    healthRouter({
      async ready() {
        if (stopping.signal.aborted) throw new SlipwayError('draining');
        await guard.ready();
        await isolation.check();
      },
      warnings: () => [...guard.warnings, ...clock.warnings()],
      ...(shown && { registry: shown }),
    });
  const app = express();
  app.disable('x-powered-by');
  app.use(
    securityHeaders,
    health(config.metricsPort === undefined ? metrics.registry : undefined),
    notFoundHandler,
    problemHandler(logger),
  );

  logger.info(
    {
      worker: workerName,
      redis: new URL(config.redisUrl).host,
      redis_user: config.redisAccess?.user ?? 'default',
      redis_password: config.redisAccess?.password ? 'configured' : 'none',
      redis_prefix: config.redisPrefix,
      blob_store: config.blobStore,
      builders: config.builders,
      insecure_registries: config.registries.insecureRegistries,
      concurrency: config.concurrency,
      build_timeout_ms: config.buildTimeoutMs,
      lock_duration_ms: config.lockDurationMs,
      max_attempts: config.maxAttempts,
      registry_retry_ms: config.registryRetryMs,
      retention: config.retention,
      delivery_retention: config.deliveryRetention,
      source_grace_ms: config.sourceGraceMs,
      public_url: config.publicUrl,
      webhook_retry_seconds: config.webhookRetryDelaysMs.map((ms) => ms / 1_000),
      payload_secret: 'configured',
      previous_payload_secrets: config.previousPayloadSecrets.length,
      webhook_secret: config.webhookSecret ? 'configured' : 'derived',
      webhook_tokens: config.webhookTokens.size,
    },
    'starting',
  );
  return [
    httpServer({
      name: 'http',
      app,
      port: config.port,
      host: config.bindHost,
      logger,
      settings: config.http,
      onCertificate,
    }),
    ...(config.metricsPort === undefined
      ? []
      : [
          metricsServer({
            port: config.metricsPort,
            host: config.bindHost,
            registry: metrics.registry,
            logger,
            settings: config.http,
            onCertificate,
          }),
        ]),
    ...(config.healthPort === undefined
      ? []
      : [
          healthServer({
            port: config.healthPort,
            host: config.bindHost,
            router: health(),
            logger,
            settings: config.http,
            onCertificate,
          }),
        ]),
    guard,
    clock,
    interruptions,
    discovery,
    new Engines({ registry, discovery, dispatcher: builderAgent, logger }),
    placement,
    leader,
    new Notifier({
      reader: connect('events'),
      redis,
      keys,
      store,
      batches,
      endpoints,
      deliveries,
      queue: deliveryQueue,
      href: hrefFrom(config.publicUrl),
      workerName,
      tally,
      metrics,
      now,
      logger,
    }),
    new StatsWriter({ tally, store: new StatsStore({ redis, keys }), cleanups, logger }),
    ...pools.map((pool) =>
      createConsumer({
        ...queue,
        queue: 'builds',
        pool,
        concurrency: config.concurrency,
        async handle({ jobId }) {
          const result = await attempts.run(jobId);
          return result.kind === 'again' ? result.delayMs : undefined;
        },
        onLockLost: (jobId) => interruptions.interrupt(jobId, 'lock_lost'),
        onStop: drain,
      }),
    ),
    createConsumer({
      ...queue,
      queue: 'deliveries',
      concurrency: deliveryConcurrency,
      handle: (data) => courier.handle(data),
    }),
  ];
}
