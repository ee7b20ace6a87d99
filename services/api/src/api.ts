import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { openCell } from '@slipway/control-plane/cell';
import { BaseWatch } from '@slipway/control-plane/functions';
import { SlipwayError } from '@slipway/shared/errors';
import { UnverifiedPayloads } from '@slipway/shared/function-builder';
import { httpServer, serviceServers } from '@slipway/shared/http';
import { type Component, type ServiceDeps, stopInOrder, timeForWork } from '@slipway/shared/lifecycle';
import { Registry } from '@slipway/shared/metrics';
import { noTracing } from '@slipway/shared/tracing';
import { openAuditLog } from './audit/log.js';
import { RebuildOnChange } from './base-changes/rebuild-on-change.js';
import { type ApiConfig, shownSettings } from './config.js';
import { apiEndpoints } from './endpoints.js';
import { createFleet } from './fleet/create-fleet.js';
import { HoldWatch } from './fleet/watch-hold.js';
import { createApp } from './http/create-app.js';
import { createJobs } from './jobs/create-jobs.js';
import { RegistryEvents } from './registry-events/endpoint.js';
import { ReplicatedWrites } from './replication/replicated-writes.js';
import { openSources } from './sources/open-sources.js';
import { openTenants } from './tenants/open-tenants.js';
import { createWebhooks } from './webhooks/create-webhooks.js';

/** Milliseconds of the grace time to end answers to `POST /build` whose builds still run. */
const reserveMs = 5_000;

/** Keeps listening this long, so that occasional clients still receive a 503 while the API drains. */
const lingerMs = 1_000;

/** Creates the components of the API. Nothing runs until the components run. */
export async function createApi(deps: ServiceDeps<ApiConfig>): Promise<Component[]> {
  const { config, logger, cleanups, tracing = noTracing } = deps;
  const registry = new Registry();
  const cell = await openCell({
    ...{ config, registry, logger, cleanups, service: 'api', mode: 'request' },
    processName: `api-${hostname()}-${randomBytes(3).toString('hex')}`,
  });
  const sources = await openSources({ cell, config, registry, logger, cleanups });
  const jobs = createJobs({ cell, config, tracing, logger });
  const fleet = createFleet({ cell, store: jobs.store, registry });
  const holdWatch = new HoldWatch({ hold: fleet.hold, logger });
  const webhooks = createWebhooks({ cell, config });
  const tenants = await openTenants({ cell, config, webhooks: webhooks.webhooks, logger });
  const { redisWaitReplicas } = config;
  const replicated = new ReplicatedWrites({
    ...{ redisWaitReplicas, keys: cell.keys, logger },
    redis: redisWaitReplicas === 0 ? cell.redis : cell.connect('replication'),
  });
  const audit = openAuditLog({ cell, config, registry, logger, cleanups });
  const stopping = new AbortController();
  const closing = new AbortController();
  // Each open stream listens, so this number is not a leak.
  setMaxListeners(0, stopping.signal, closing.signal);
  const { redis, keys } = cell;
  const watch = new BaseWatch({ redis, keys });
  const registryEvents = new RegistryEvents({ config, watch, registry });
  const endpoints = apiEndpoints({
    ...{ registryEvents, cell, jobs, sources, fleet, webhooks, tenants, audit, replicated },
    payloads: {
      verified: new Map(),
      unverified: new UnverifiedPayloads({
        totalBytes: config.unverifiedPayloadBytes,
        maxPayloadBytes: config.maxSourceBytes,
        now: () => performance.now(),
      }),
      cancelOnDisconnect: config.cancelOnDisconnect,
      disconnectWaitMs: config.disconnectWaitMs,
    },
    stops: { stopping: stopping.signal, closing: closing.signal },
  });
  logger.info(shownSettings(config), 'starting');
  const servers = serviceServers({
    ...{ config, registry, logger },
    redis: cell.tls,
    async ready() {
      if (stopping.signal.aborted) throw new SlipwayError('draining');
      await cell.ready();
    },
    warnings: () => [...cell.warnings(), ...replicated.warnings(), ...holdWatch.warnings()],
    create(listen, health) {
      const app = createApp({
        ...{
          config,
          cell,
          sources,
          tenants,
          audit,
          endpoints,
          replicated,
          health,
          registry,
          tracing,
          logger,
        },
        stopping: stopping.signal,
      });
      return httpServer({
        ...listen,
        app,
        isProxy: (address) =>
          (app.get('trust proxy fn') as (address: string, hop: number) => boolean)(address, 0),
        onStop() {
          stopping.abort();
          const { shutdownGraceMs: graceMs } = config;
          setTimeout(() => closing.abort(), timeForWork({ graceMs, reserveMs })).unref();
        },
        lingerMs,
      });
    },
  });
  // Requests in progress, such as builds that clients wait for, still need these.
  const rebuilds = new RebuildOnChange({
    ...{ redis: cell.redis, keys: cell.keys, tenants: tenants.tenants, directory: tenants.directory, logger },
    deps: { ...cell, ...sources, ...jobs, ...fleet },
  });
  const last = [...cell.components, ...tenants.components, holdWatch, audit, sources.sweeper];
  return [stopInOrder({ name: 'api', first: [...servers, rebuilds], last })];
}
