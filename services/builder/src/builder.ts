import { metricsServer } from '@slipway/shared/http';
import type { Cleanups, Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { Slots } from './builds/slots.js';
import { WorkDir } from './builds/work-dir.js';
import type { BuilderServiceConfig } from './config.js';
import { Drain } from './drain.js';
import { chooseEngine } from './engines/choose.js';
import { createApp } from './http/app.js';
import { drainingServer } from './http/draining-server.js';
import { createMetrics } from './metrics.js';
import { createReadiness } from './readiness.js';

interface BuilderDeps {
  readonly config: BuilderServiceConfig;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
  /** Told the port that was bound. */
  readonly onListening?: (port: number) => void;
}

/** Between SIGTERM and SIGKILL for an engine's processes. */
const killGraceMs = 2_000;
const heartbeatMs = 15_000;
const engineCheckMaxAgeMs = 2_000;

/** Puts the service together. */
export async function createBuilder(deps: BuilderDeps): Promise<Component[]> {
  const { config, logger, cleanups } = deps;
  const workDir = await WorkDir.open(config.workDir);
  cleanups.defer('remove the work folder', () => workDir.close());
  const engine = await chooseEngine({
    ...config,
    configDir: await workDir.folder('engine'),
    killGraceMs,
    logger,
  });
  const slots = new Slots({ limit: config.maxInflight });
  const drain = new Drain();
  const metrics = createMetrics({ inFlight: () => slots.taken });
  logger.info(settings(config, engine.name), 'starting');
  const ready = createReadiness({
    engine,
    slots,
    drain,
    maxAgeMs: engineCheckMaxAgeMs,
    now: () => performance.now(),
  });
  const ownMetricsPort = config.metricsPort !== undefined && config.metricsPort !== config.port;
  const app = createApp({
    ...{ engine, workDir, slots, drain, ready, metrics, logger, heartbeatMs },
    secret: config.payloadSecret,
    limits: config,
    allowedFrontends: config.allowedFrontends,
    buildTimeoutMs: config.buildTimeoutMs,
    ...(!ownMetricsPort && { registry: metrics.registry }),
  });
  const listen = { logger, host: config.bindHost };
  const components = [
    drainingServer({
      ...{ ...listen, app, drain, slots, port: config.port },
      shutdownGraceMs: config.shutdownGraceMs,
      ...(deps.onListening && { onListening: deps.onListening }),
    }),
  ];
  if (ownMetricsPort) {
    components.push(metricsServer({ ...listen, registry: metrics.registry, port: config.metricsPort ?? 0 }));
  }
  return components;
}

/** What the service runs with, by allowlist. */
function settings(config: BuilderServiceConfig, engine: string): Record<string, unknown> {
  return {
    engine,
    ...(engine === 'buildkit' && { buildkit_host: config.buildkitHost }),
    ...(engine === 'buildah' && { engine_state_dir: config.engineStateDir ?? 'default' }),
    bind_host: config.bindHost ?? 'all',
    port: config.port,
    metrics_port: config.metricsPort ?? config.port,
    max_inflight: config.maxInflight,
    payload_secret: 'configured',
    insecure_registries: config.insecureRegistries,
    docker_config: config.dockerConfig,
    build_timeout_ms: config.buildTimeoutMs,
    max_source_bytes: config.maxSourceBytes,
    max_source_files: config.maxSourceFiles,
    allowed_frontends: config.allowedFrontends,
    work_dir: config.workDir,
    shutdown_grace_ms: config.shutdownGraceMs,
  };
}
