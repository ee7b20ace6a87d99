import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { RedisClock } from '@slipway/control-plane/clock';
import { FunctionStore } from '@slipway/control-plane/functions';
import {
  BatchStore,
  cancelStopped,
  createDispatcher,
  type DispatchJob,
  JobStore,
  listRegistries,
} from '@slipway/control-plane/jobs';
import { createBuildQueues, createSender } from '@slipway/control-plane/queues';
import { CountedFaults } from '@slipway/control-plane/records';
import { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { StatsStore } from '@slipway/control-plane/stats';
import { TemplateStore } from '@slipway/control-plane/templates';
import { PayloadSecretStore, TenantStore, TokenStore } from '@slipway/control-plane/tenants';
import { createDeliveryDispatcher, DeliveryStore, EndpointStore } from '@slipway/control-plane/webhooks';
import { openBlobStore } from '@slipway/shared/blobs';
import { openSetting, Secret } from '@slipway/shared/config';
import { SlipwayError } from '@slipway/shared/errors';
import { UnverifiedPayloads } from '@slipway/shared/function-builder';
import {
  healthRouter,
  healthServer,
  httpServer,
  metricsServer,
  noStore,
  notFoundHandler,
  problemHandler,
  refuseWhile,
  refuseWhileDraining,
  securityHeaders,
} from '@slipway/shared/http';
import { makeIdsBy } from '@slipway/shared/ids';
import type { Cleanups, Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import {
  measureCertificates,
  measureProcess,
  measureWrites,
  RedisMetrics,
  Registry,
} from '@slipway/shared/metrics';
import { connectRedis, RedisGuard, RedisTls, redisKeys } from '@slipway/shared/redis';
import { deriveKeys } from '@slipway/shared/signing';
import { noTracing, type Tracing } from '@slipway/shared/tracing';
import { createSourceStore, SourceOwners, SourceUses } from '@slipway/source';
import express from 'express';
import { AuditLog } from './audit/log.js';
import { recordRequests } from './audit/record-requests.js';
import type { ApiConfig } from './config.js';
import { dashboardRouter } from './dashboard/router.js';
import { dashboardFolder, readSite } from './dashboard/site.js';
import { apiEndpoints } from './endpoints.js';
import { GitSources } from './git/git-sources.js';
import { requireToken } from './http/auth.js';
import { compressJson } from './http/compress.js';
import { cors } from './http/cors.js';
import { LargeBodies } from './http/large-bodies.js';
import { mount } from './http/operation.js';
import { requestIds } from './http/request-id.js';
import { traceRequests } from './http/trace-requests.js';
import { KeyStore } from './idempotency/key-store.js';
import { ContextChecks } from './jobs/resolve/context.js';
import { KnownPools } from './jobs/resolve/known-pools.js';
import { FailedTokens } from './limits/failed-tokens.js';
import { limitRequests, RequestRate } from './limits/request-rate.js';
import { measureBlobStore } from './metrics/blob-store-metrics.js';
import { measureFleet } from './metrics/fleet-metrics.js';
import { readFleet } from './metrics/fleet-snapshot.js';
import { measureRequests } from './metrics/http-metrics.js';
import { openApiDocument } from './openapi/document.js';
import { docsRouter } from './openapi/router.js';
import { createSweeper } from './sources/sweeper.js';
import { applyFile } from './tenants/apply-file.js';
import { Directory } from './tenants/directory.js';
import { TenantsFileWatcher } from './tenants/watch-file.js';
import { JobWatcher } from './watch/job-watcher.js';

interface ApiDeps {
  readonly config: ApiConfig;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
  /** Traces requests. Off by default. */
  readonly tracing?: Tracing;
}

/** Creates the components of the API. Nothing runs until the components run. */
export async function createApi(deps: ApiDeps): Promise<Component[]> {
  const { config, logger, cleanups, tracing = noTracing } = deps;
  const keys = redisKeys(config.redisPrefix);
  const registry = new Registry();
  measureProcess({ registry });
  const redisTls = config.redisAccess?.tls;
  const onCertificate = measureCertificates({
    registry,
    redis: redisTls && new RedisTls({ files: redisTls, logger }),
  });
  const redisMetrics = new RedisMetrics({ registry });
  const connection = (name: string, mode: 'request' | 'patient') =>
    connectRedis({
      ...{ url: config.redisUrl, access: config.redisAccess },
      ...{ name: `slipway-api-${name}`, logger, cleanups, mode },
    });
  const main = connection('main', 'request');
  const processName = `api-${hostname()}-${randomBytes(3).toString('hex')}`;
  const guard = new RedisGuard({ redis: main, keys, processName, logger });
  const connect = (name: string, mode: 'request' | 'patient') =>
    redisMetrics.watch(name, guard.watch(connection(name, mode)));
  const redis = redisMetrics.watch('main', main);
  measureWrites({ registry, guard });
  await guard.start();
  const clock = new RedisClock({ redis, registry, logger });
  // If Redis is unavailable, the clock is measured once it is back.
  await clock.measure().catch(() => undefined);
  makeIdsBy(clock);
  const now = () => clock.now();
  const blobs = await openSetting('BLOB_STORE', () =>
    openBlobStore(config.blobStore, { minFreeBytes: config.minFreeDiskBytes }),
  );
  const claims = new SourceUses({ redis, keys });
  const owners = new SourceOwners({ redis, keys });
  const sources = createSourceStore({ blobs, limits: sourceLimits(config), claims });
  const git = new GitSources({
    sources,
    owners,
    redis,
    keys,
    config: config.git,
    egressAllow: config.egressAllow,
    maxBytes: config.maxSourceBytes,
    logger,
  });
  cleanups.defer('git', () => git.close());
  const faults = new CountedFaults({ registry, logger });
  const builds = createBuildQueues({ redis, keys });
  const onReleased = (jobs: readonly DispatchJob[]) => void dispatch(jobs);
  const store = new JobStore({ redis, keys, now, faults, onReleased, tracing });
  const batches = new BatchStore({ redis, keys, now, faults, onReleased, tracing });
  const dispatch = createDispatcher({ store, builds, logger });
  const deliveryQueue = createSender({ queue: 'deliveries', redis, keys });
  const deliveries: DeliveryStore = new DeliveryStore({
    redis,
    keys,
    faults,
    onMade: (ready) => void dispatchDeliveries(ready),
  });
  const dispatchDeliveries = createDeliveryDispatcher({ deliveries, queue: deliveryQueue, logger });
  const replicas = new ReplicaRegistry({ redis, keys, now });
  const watcher = new JobWatcher({ reader: connect('events', 'patient'), keys, logger });
  measureFleet({
    registry,
    read: () => readFleet({ redis, keys, store, replicas, now: now() }),
    now: () => performance.now(),
  });
  measureBlobStore({ registry, url: config.blobStore });
  const sealingKey = deriveKeys(config, 'callback secrets');
  const stopping = new AbortController();
  const closing = new AbortController();
  const tenants = new TenantStore({
    ...{ redis, keys, now, faults },
    storedBytes: config.tenantStoredBytes,
  });
  const tokens = new TokenStore({ redis, keys, now, faults });
  const payloadSecrets = new PayloadSecretStore({
    redis,
    keys,
    now,
    faults,
    sealingKey: deriveKeys(config, 'payload secrets'),
  });
  const webhooks = new EndpointStore({ redis, keys, now, faults, sealingKey });
  const directory = new Directory({
    tenants,
    tokens,
    payloadSecrets,
    apiToken: config.apiToken ?? announcedToken(),
    installation: config,
    tenantStoredBytes: config.tenantStoredBytes,
    now,
    subscriber: connect('tenants', 'patient'),
    keys,
    logger,
  });
  const tenantsFile =
    config.tenantsFile === undefined
      ? []
      : [
          await TenantsFileWatcher.open({
            path: config.tenantsFile,
            apply: (said, signal) =>
              applyFile(said, { redis, keys, tenants, tokens, payloadSecrets, webhooks }, signal),
            logger,
          }),
        ];
  const audit = new AuditLog({
    redis,
    keys,
    registry,
    logger,
    maxEntries: config.auditMaxEntries,
    keptMs: config.auditDays * dayMs,
    faults,
    now,
  });
  cleanups.defer('audit', () => audit.flush());
  const requestRate = new RequestRate({ redis, keys });
  const endpoints = apiEndpoints({
    now,
    audit,
    requestRate,
    store,
    batches,
    cancelStopped(id) {
      cancelStopped({ id, batches, store, dequeue: (jobId) => builds.remove(jobId) }).catch(
        (error: unknown) => {
          logger.warn({ err: error, batch_id: id }, 'left to the leading worker to cancel');
        },
      );
    },
    replicas,
    registries: () => listRegistries({ redis, keys, now: now() }),
    stats: new StatsStore({ redis, keys }),
    pools: new KnownPools({ registry: replicas, now: () => performance.now() }),
    sources,
    contexts: new ContextChecks({ sources }),
    git,
    templates: new TemplateStore({ redis, keys, now, faults }),
    functions: new FunctionStore({ redis, keys, faults }),
    uses: claims,
    webhooks,
    deliveries,
    owners,
    dequeue: (id) => builds.remove(id),
    ahead: (id) => builds.position(id),
    signers: () => directory.signers(),
    tenants,
    tokens,
    payloadSecrets,
    directory,
    maxPayloadBytes: config.maxSourceBytes,
    verified: new Map(),
    unverified: new UnverifiedPayloads({
      totalBytes: config.unverifiedPayloadBytes,
      maxPayloadBytes: config.maxSourceBytes,
      now: () => performance.now(),
    }),
    cancelOnDisconnect: config.cancelOnDisconnect,
    closing: closing.signal,
    dispatch,
    redis,
    keys,
    blobs,
    sealingKey,
    maxQueuedJobs: config.maxQueuedJobs,
    egressAllow: config.egressAllow,
    publicUrl: config.publicUrl,
    watcher,
    stopping: stopping.signal,
  });

  const site = readSite(dashboardFolder());
  if (!site) logger.warn('the dashboard was not built and is not served; build it with `pnpm build`');

  const health = (metrics?: Registry) =>
    healthRouter({
      async ready() {
        if (stopping.signal.aborted) throw new SlipwayError('draining');
        await guard.ready();
      },
      warnings: () => [...guard.warnings, ...clock.warnings()],
      ...(metrics && { registry: metrics }),
    });
  const app = express();
  app.disable('x-powered-by').set('query parser', 'simple');
  app.set('trust proxy', [...config.trustedProxies]);
  app.use(
    requestIds,
    securityHeaders,
    compressJson,
    measureRequests(registry),
    ...(config.corsOrigins.length === 0 ? [] : [cors({ origins: config.corsOrigins })]),
    health(config.metricsPort === undefined ? registry : undefined),
    docsRouter(openApiDocument(endpoints)),
    ...(site ? [dashboardRouter(site)] : []),
  );
  const operations = endpoints.map(({ operation }) => operation);
  app.use(
    ['/v1', '/build'],
    noStore,
    refuseWhile(() => guard.refusal),
    recordRequests({ log: audit, operations }),
  );
  app.use(
    '/v1',
    refuseWhileDraining(stopping.signal),
    requireToken({ directory, failedTokens: new FailedTokens() }),
    limitRequests(requestRate),
  );
  mount(app, tracing === noTracing ? endpoints : traceRequests(endpoints, tracing), {
    store: new KeyStore({ redis, keys, sealingKey: deriveKeys(config, 'stored answers') }),
    bodies: new LargeBodies({ blobs }),
    git,
    logger,
  });
  app.use(notFoundHandler, problemHandler(logger));

  logger.info(
    {
      redis: new URL(config.redisUrl).host,
      redis_user: config.redisAccess?.user ?? 'default',
      redis_password: config.redisAccess?.password ? 'configured' : 'none',
      redis_prefix: config.redisPrefix,
      blob_store: config.blobStore,
      max_source_bytes: config.maxSourceBytes,
      unverified_payload_bytes: config.unverifiedPayloadBytes,
      min_free_disk_bytes: config.minFreeDiskBytes,
      max_source_files: config.maxSourceFiles,
      max_queued_jobs: config.maxQueuedJobs,
      tenant_stored_bytes: config.tenantStoredBytes,
      git_schemes: config.git.allowedSchemes,
      git_hosts: config.git.allowedHosts,
      git_credentials: [...config.git.credentials.keys()],
      git_ssh_hosts: [...config.git.ssh.keys()],
      public_url: config.publicUrl,
      trusted_proxies: config.trustedProxies,
      cors_origins: config.corsOrigins,
      tls: config.http.tls !== undefined,
      audit_max_entries: config.auditMaxEntries,
      audit_days: config.auditDays,
      tenants_file: config.tenantsFile,
      api_token: config.apiToken ? 'configured' : 'generated',
      payload_secret: 'configured',
      previous_payload_secrets: config.previousPayloadSecrets.length,
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
      isProxy: (address) =>
        (app.get('trust proxy fn') as (address: string, hop: number) => boolean)(address, 0),
      onStop() {
        stopping.abort();
        setTimeout(() => closing.abort(), config.shutdownGraceMs * closingShare).unref();
      },
      lingerMs,
    }),
    ...(config.metricsPort === undefined
      ? []
      : [
          metricsServer({
            port: config.metricsPort,
            host: config.bindHost,
            registry,
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
    directory,
    audit,
    ...tenantsFile,
    watcher,
    createSweeper({ blobs, git, logger }),
  ];
}

const dayMs = 24 * 3600 * 1_000;

/** The share of the grace time during which answers to `POST /build` stay open for running builds. */
const closingShare = 0.7;

/** Keeps listening this long, so that occasional clients still receive a 503 while the API drains. */
const lingerMs = 1_000;

/** Limit of unpacked bytes per byte sent. Source code packs to a tenth at best, a bomb to a thousandth. */
const maxRatio = 200;

function sourceLimits({ maxSourceBytes, maxSourceFiles }: ApiConfig) {
  return { maxArchiveBytes: maxSourceBytes, maxBytes: maxSourceBytes, maxFiles: maxSourceFiles, maxRatio };
}

/** Returns a new token when none is configured, and prints it once to stderr, outside the log. */
function announcedToken(): Secret {
  const token = `slp_${randomBytes(24).toString('base64url')}`;
  process.stderr.write(
    `api: neither API_TOKEN nor API_TOKEN_FILE is set; this process takes the token ${token}\n`,
  );
  return new Secret(token);
}
