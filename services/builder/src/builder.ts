import { DiskFloor, diskSpace } from '@slipway/shared/blobs';
import { openSetting } from '@slipway/shared/config';
import { UnverifiedPayloads } from '@slipway/shared/function-builder';
import { healthRouter, healthServer, metricsServer } from '@slipway/shared/http';
import type { Cleanups, Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { noTracing, type Tracing } from '@slipway/shared/tracing';
import { Slots } from './builds/slots.js';
import { WorkDir } from './builds/work-dir.js';
import type { BuilderServiceConfig } from './config.js';
import { Drain } from './drain.js';
import { chooseEngine } from './engines/choose.js';
import type { BuildEngine } from './engines/engine.js';
import { EngineWatch } from './engines/watch.js';
import { createApp } from './http/app.js';
import { drainingServer } from './http/draining-server.js';
import { createMetrics } from './metrics.js';
import { createReadiness } from './readiness.js';
import { requireMemory } from './secrets/memory.js';
import { warningsOf } from './warnings.js';

interface BuilderDeps {
  readonly config: BuilderServiceConfig;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
  /** Off unless given. */
  readonly tracing?: Tracing;
  /** Told the port that was bound. */
  readonly onListening?: (port: number) => void;
}

/** Between SIGTERM and SIGKILL for an engine's processes. */
const killGraceMs = 2_000;
const heartbeatMs = 15_000;
const buildkitWaitMs = 10_000;
const engineCheckEveryMs = 5_000;
const deadEngineCheckEveryMs = 1_000;

/** Makes the service: its work folder, its engine, its HTTP server. */
export async function createBuilder(deps: BuilderDeps): Promise<Component[]> {
  const { config, logger, cleanups } = deps;
  if (config.keyRing) requireMemory();
  const workDir = await openSetting('WORK_DIR', () => WorkDir.open(config.workDir));
  cleanups.defer('remove the work folder', () => workDir.close());
  const engine = await chooseEngine({
    ...config,
    configDir: await workDir.folder('engine'),
    killGraceMs,
    buildkitWaitMs,
    logger,
  });
  cleanups.defer('close the engine', () => engine.close());
  return assembleBuilder({ ...deps, engine, workDir, heartbeatMs });
}

interface AssembleDeps extends Omit<BuilderDeps, 'cleanups'> {
  readonly engine: BuildEngine;
  readonly workDir: WorkDir;
  /** Between two signs of life in a stream. */
  readonly heartbeatMs: number;
}

/** The service over an engine. */
export function assembleBuilder(deps: AssembleDeps): Component[] {
  const { config, logger, engine, workDir, tracing = noTracing } = deps;
  const slots = new Slots({ limit: config.maxInflight });
  const drain = new Drain();
  const watch = new EngineWatch({
    ...{ engine, slots, logger },
    everyMs: engineCheckEveryMs,
    deadEveryMs: deadEngineCheckEveryMs,
  });
  const metrics = createMetrics({
    inFlight: () => slots.taken,
    limit: slots.limit,
    engineUp: () => watch.fault === undefined,
  });
  const { registry, onCertificate } = metrics;
  const now = () => performance.now();
  const ready = createReadiness({ watch, slots, drain });
  const metricsPort = config.metricsPort === config.port ? undefined : config.metricsPort;
  logger.info(settings(config, engine.name), 'starting');
  const warnings = warningsOf({ config, engine });
  for (const warning of warnings) logger.warn(warning);
  const app = createApp({
    ...{ engine, watch, workDir, slots, drain, ready, warnings, metrics, tracing, logger },
    secrets: config.payloadSecret && [config.payloadSecret, ...config.previousPayloadSecrets],
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
    ...(metricsPort === undefined && { registry }),
  });
  const listen = { logger, host: config.bindHost, settings: config.http, onCertificate };
  const { port, shutdownGraceMs } = config;
  const onListening = deps.onListening && { onListening: deps.onListening };
  const server = drainingServer({ ...listen, app, drain, slots, port, shutdownGraceMs, ...onListening });
  const health = healthRouter({ ready, readyAliases: ['/ready'], warnings: () => warnings });
  return [
    server,
    watch,
    ...(metricsPort === undefined ? [] : [metricsServer({ ...listen, registry, port: metricsPort })]),
    ...(config.healthPort === undefined
      ? []
      : [healthServer({ ...listen, router: health, port: config.healthPort })]),
  ];
}

/** Returns the settings that the start-up line lists, by allowlist. */
function settings(config: BuilderServiceConfig, engine: string): Record<string, unknown> {
  return {
    engine,
    ...(engine === 'buildkit' && { buildkit_host: config.buildkitHost }),
    ...(engine === 'buildah' && {
      engine_state_dir: config.engineStateDir ?? 'default',
      buildah_trusted_sources: config.buildahTrustedSources,
    }),
    bind_host: config.bindHost ?? 'all',
    port: config.port,
    metrics_port: config.metricsPort ?? config.port,
    max_inflight: config.maxInflight,
    payload_secret: config.payloadSecret ? 'configured' : 'not checked',
    previous_payload_secrets: config.previousPayloadSecrets.length,
    build_secrets_keys: config.keyRing?.keyIds ?? [],
    reproducible: config.reproducible,
    sbom_scanner: config.sbomScanner ?? 'none',
    insecure_registries: config.insecureRegistries,
    docker_config: config.dockerConfig,
    credential_helper_env: config.credentialHelperEnv,
    build_timeout_ms: config.buildTimeoutMs,
    max_source_bytes: config.maxSourceBytes,
    unverified_payload_bytes: config.unverifiedPayloadBytes,
    min_free_disk_bytes: config.minFreeDiskBytes,
    max_source_files: config.maxSourceFiles,
    allowed_frontends: config.allowedFrontends,
    work_dir: config.workDir,
    shutdown_grace_ms: config.shutdownGraceMs,
  };
}
