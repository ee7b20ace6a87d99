import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { openCell } from '@slipway/control-plane/cell';
import { CanceledBuilds } from '@slipway/control-plane/jobs';
import { MinuteCounts, StatsStore } from '@slipway/control-plane/stats';
import { openBlobStore } from '@slipway/shared/blobs';
import { openSetting } from '@slipway/shared/config';
import { SlipwayError } from '@slipway/shared/errors';
import {
  httpServer,
  notFoundHandler,
  problemHandler,
  securityHeaders,
  serviceServers,
} from '@slipway/shared/http';
import { type Component, type ServiceDeps, stopInOrder } from '@slipway/shared/lifecycle';
import { Registry } from '@slipway/shared/metrics';
import { deriveKeys } from '@slipway/shared/signing';
import { noTracing } from '@slipway/shared/tracing';
import express from 'express';
import { CanceledBuildStopper } from './attempts/canceled-build-stopper.js';
import { createBuilds } from './attempts/create-builds.js';
import { Interruptions } from './attempts/interruptions.js';
import { shownSettings, type WorkerConfig } from './config.js';
import { createJobs } from './dispatch/create-jobs.js';
import { EventLoop } from './dispatch/event-loop.js';
import { createFleet } from './fleet/create-fleet.js';
import { TimeMarks } from './hold/time-marks.js';
import { IsolationKey } from './isolation/isolation-key.js';
import { createLeader } from './leader/create-leader.js';
import { createMetrics, measureOverload, measureRenewal } from './metrics.js';
import { createWebhooks } from './notify/create-webhooks.js';
import { RedisAway } from './redis-away.js';
import { Renewal } from './renewal/renewal.js';
import { StatsWriter } from './stats/stats-writer.js';

/** Milliseconds that a stopping worker waits for Redis, if all of its builds can go on without it. */
const withoutRedisMs = 5_000;

/** Creates the components of a worker. Nothing runs until the components run. */
export async function createWorker(deps: ServiceDeps<WorkerConfig>): Promise<Component[]> {
  const { config, logger, cleanups, tracing = noTracing, countWork, endEarly } = deps;
  const registry = new Registry();
  const workerName = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const cell = await openCell({
    ...{ config, registry, logger, cleanups, service: 'worker', mode: 'patient' },
    processName: workerName,
  });
  const { redis, keys, now } = cell;
  const blobs = await openSetting('BLOB_STORE', () =>
    openBlobStore(config.blobStore, { logs: config.blobStoreLogs, temporaryDir: config.blobTemporaryDir }),
  );
  const metrics = createMetrics({ registry, maxFunctions: config.metricsFunctions });
  const counts = new MinuteCounts({ now });
  const isolation = new IsolationKey({
    ...{ redis, keys, logger },
    sealingKey: deriveKeys(config, 'isolation key'),
  });
  const { redisPrefix: prefix, redisLossToleranceMs } = config;
  const timeMarks = new TimeMarks({ redis, keys, prefix, blobs, redisLossToleranceMs, logger });
  const jobs = createJobs({ cell, config, logger, leastMark: () => timeMarks.leastMark() });
  const subscriber = cell.connect('subscriber');
  const interruptions = new Interruptions({ store: jobs.store, subscriber, keys, logger });
  countWork?.(() => interruptions.size);
  const redisAway = new RedisAway({ ready: cell.ready });
  endEarly?.(() =>
    redisAway.forMs > withoutRedisMs && interruptions.areKept
      ? 'stopped without Redis: other workers continue the builds once Redis is back'
      : undefined,
  );
  const renewal = new Renewal({ config, logger });
  measureRenewal({ registry, renewal });
  const fleet = createFleet({ cell, config, renewal, interruptions, subscriber, metrics, logger, cleanups });
  const webhooks = createWebhooks({
    cell,
    config,
    jobs,
    subscriber,
    counts,
    metrics,
    tracing,
    logger,
    cleanups,
  });
  const shared = { cell, config, jobs, fleet, blobs, isolation, counts, metrics, logger };
  const eventLoop = new EventLoop();
  measureOverload({ registry, eventLoop });
  const builds = createBuilds({ ...shared, interruptions, timeMarks, eventLoop, renewal, tracing, cleanups });
  const canceledBuilds = new CanceledBuildStopper({
    ...{ subscriber, keys, now, logger, payloadSecret: config.payloadSecret, dispatcher: fleet.agent },
    builds: new CanceledBuilds({ redis, keys }),
  });
  const leader = createLeader({ ...shared, webhooks, timeMarks, canceledBuilds, cleanups });
  const stats = new StatsWriter({ counts, store: new StatsStore({ redis, keys }), cleanups, logger });
  logger.info({ worker: workerName, ...shownSettings(config) }, 'starting');
  const servers = serviceServers({
    ...{ config, registry, logger },
    redis: cell.tls,
    async ready() {
      if (builds.stopping.aborted) throw new SlipwayError('draining');
      await cell.ready();
      await isolation.check();
    },
    warnings: () => [...cell.warnings(), ...timeMarks.warnings(), ...fleet.discovery.warnings()],
    create(listen, health) {
      const app = express().disable('x-powered-by');
      app.use(securityHeaders, health, notFoundHandler, problemHandler(logger));
      return httpServer({ ...listen, app });
    },
  });
  // Builds that still run need their slots, their locks, cancellations, Redis' time and their readers of metrics and health.
  const last = [
    ...servers,
    ...cell.components,
    redisAway,
    timeMarks,
    interruptions,
    eventLoop,
    renewal,
    fleet.placement,
    ...webhooks.components,
    stats,
  ];
  // A worker that drains announces nothing: its successor may have other settings.
  const first = [leader, canceledBuilds, ...fleet.announcers, ...builds.components];
  return [stopInOrder({ name: 'worker', first, last })];
}
