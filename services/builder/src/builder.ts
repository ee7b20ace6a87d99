import { DiskFloor, diskSpace } from '@slipway/shared/blobs';
import { openSetting } from '@slipway/shared/config';
import { SlipwayError } from '@slipway/shared/errors';
import { UnverifiedPayloads } from '@slipway/shared/function-builder';
import { serviceServers } from '@slipway/shared/http';
import { type Component, type ServiceDeps, stopInOrder } from '@slipway/shared/lifecycle';
import { noTracing } from '@slipway/shared/tracing';
import { AttachableBuilds } from './attachable/attachable-builds.js';
import { Slots } from './builds/slots.js';
import { WorkDir } from './builds/work-dir.js';
import { type BuilderServiceConfig, shownSettings, warningsOf } from './config.js';
import { Drain } from './drain.js';
import { chooseEngine } from './engines/choose.js';
import type { BuildEngine } from './engines/engine.js';
import { EngineWatch } from './engines/watch.js';
import { createApp } from './http/app.js';
import { drainingServer } from './http/draining-server.js';
import { createMetrics } from './metrics.js';
import { requireMemory } from './secrets/memory.js';

interface BuilderDeps extends ServiceDeps<BuilderServiceConfig> {
  /** Receives the bound port. */
  readonly onListening?: (port: number) => void;
  /** Milliseconds for which a stopped builder without builds still answers connected clients. Default: 3,000. */
  readonly lingerMs?: number;
}

/** Longer than the time between two health checks of Slipway's workers, which then see that the builder drains. */
const usualLingerMs = 3_000;
/** Between SIGTERM and SIGKILL for an engine's processes. */
const killGraceMs = 2_000;
const heartbeatMs = 15_000;
const daemonWaitMs = 10_000;
const engineCheckEveryMs = 5_000;
const deadEngineCheckEveryMs = 1_000;

/** Creates the components of the builder: its work folder, its engine, its HTTP servers. */
export async function createBuilder(deps: BuilderDeps): Promise<Component[]> {
  const { config, logger, cleanups } = deps;
  if (config.keyRing) requireMemory();
  const workDir = await openSetting('WORK_DIR', () => WorkDir.open(config.workDir));
  cleanups.defer('remove the work folder', () => workDir.close());
  const configDir = await workDir.folder('engine');
  const takesSecrets = config.keyRing !== undefined;
  const engine = await openSetting('ENGINE', () =>
    chooseEngine({ ...config, configDir, killGraceMs, daemonWaitMs, takesSecrets, logger }),
  );
  cleanups.defer('close the engine', () => engine.close());
  return assembleBuilder({ ...deps, engine, workDir, heartbeatMs });
}

interface AssembleDeps extends Omit<BuilderDeps, 'cleanups'> {
  readonly engine: BuildEngine;
  readonly workDir: WorkDir;
  /** Milliseconds between two heartbeats in a stream. */
  readonly heartbeatMs: number;
}

/** Creates the components of a builder over an engine. */
export function assembleBuilder(deps: AssembleDeps): Component[] {
  const { config, logger, engine, workDir, onListening, tracing = noTracing, countWork } = deps;
  const slots = new Slots({ limit: config.maxInflight });
  countWork?.(() => slots.taken);
  const drain = new Drain();
  const watch = new EngineWatch({
    ...{ engine, slots, logger },
    everyMs: engineCheckEveryMs,
    deadEveryMs: deadEngineCheckEveryMs,
  });
  const secrets = config.payloadSecret && [config.payloadSecret, ...config.previousPayloadSecrets];
  // Without signatures every client could read every build.
  const attachable =
    secrets && config.detachedBuildMs > 0
      ? {
          secrets,
          builds: new AttachableBuilds({
            detachedMs: config.detachedBuildMs,
            resultMs: config.buildResultMs,
            maxBytes: config.buildLogBytes,
          }),
        }
      : undefined;
  const builds = attachable?.builds;
  const metrics = createMetrics({
    attachable: () => ({
      detached: builds?.detached ?? 0,
      readers: builds?.readers ?? 0,
      results: builds?.results ?? 0,
    }),
    inFlight: () => slots.taken,
    limit: slots.limit,
    engineUp: () => watch.fault === undefined,
  });
  const now = () => performance.now();
  logger.info(shownSettings(config, engine.name), 'starting');
  const warnings = warningsOf({ config, engine });
  for (const warning of warnings) logger.warn(warning);
  // For orchestrators. A full replica still serves its builds and its health checks, so it stays ready.
  const serves = async () => {
    if (drain.begun.aborted) throw new SlipwayError('builder_draining');
    await watch.ready();
  };
  // Of the Function Builder API, for clients that choose a replica for a build.
  const takesBuilds = async () => {
    await serves();
    if (slots.isFull) throw new SlipwayError('builder_busy');
  };
  const servers = serviceServers({
    ...{ config, logger, registry: metrics.registry },
    ready: serves,
    readyPaths: { '/ready': takesBuilds },
    warnings: () => warnings,
    create(listen, health) {
      const app = createApp({
        ...{ engine, watch, workDir, slots, drain, health, metrics, tracing, logger },
        ...{ secrets, attachable },
        keyRing: config.keyRing,
        reproducible: config.reproducible,
        limits: config,
        unverified: new UnverifiedPayloads({
          totalBytes: config.unverifiedPayloadBytes,
          maxPayloadBytes: config.maxSourceBytes,
          now,
        }),
        floor: new DiskFloor({
          minFreeBytes: config.minFreeDiskBytes,
          space: () => diskSpace(config.workDir),
          now,
        }),
        allowedFrontends: config.allowedFrontends,
        buildTimeoutMs: config.buildTimeoutMs,
        heartbeatMs: deps.heartbeatMs,
      });
      const { shutdownGraceMs } = config;
      const { lingerMs = usualLingerMs } = deps;
      return drainingServer({
        ...{ ...listen, app, drain, slots, shutdownGraceMs, lingerMs },
        fetched: async () => await builds?.fetched(),
        ...(onListening && { onListening }),
      });
    },
  });
  return [stopInOrder({ name: 'builder', first: servers, last: [watch] })];
}
