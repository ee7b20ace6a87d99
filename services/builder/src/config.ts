import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CommonConfig,
  commonConfig,
  type Env,
  type Fields,
  graceForBuilds,
  payloadSecrets,
  previousPayloadSecrets,
  readEnv,
  type Secret,
} from '@slipway/shared/config';
import { type EngineName, parseImageReference } from '@slipway/shared/contracts';
import { type RegistrySettings, registrySettings } from '@slipway/shared/docker-config';
import { type PayloadBounds, payloadBounds } from '@slipway/shared/function-builder';
import { withChartNames } from './chart-names.js';
import type { BuildEngine } from './engines/engine.js';
import { type EngineConfig, engineConfig } from './engines/engines.js';
import { KeyRing } from './secrets/key-ring.js';

export interface BuilderServiceConfig extends CommonConfig, PayloadBounds, RegistrySettings, EngineConfig {
  /** 0 means no limit. */
  readonly maxInflight: number;
  /** Undefined where signatures are not checked. */
  readonly payloadSecret: Secret | undefined;
  /** Earlier payload secrets. The builder accepts their signatures too. */
  readonly previousPayloadSecrets: readonly Secret[];
  /** The keys that open build secrets. Undefined if none are configured. */
  readonly keyRing: KeyRing | undefined;
  /** Makes images depend on their source alone, unless a request overrides it. */
  readonly reproducible: boolean;
  readonly buildTimeoutMs: number;
  /** Milliseconds that a build with an id goes on without a reader. 0: it ends with its connection. */
  readonly detachedBuildMs: number;
  /** Milliseconds that the result of a build with an id is kept. */
  readonly buildResultMs: number;
  /** Bound of the memory for logs and results of builds with an id. */
  readonly buildLogBytes: number;
  /** Image references. */
  readonly allowedFrontends: readonly string[];
  readonly workDir: string;
  /** The environment that the engines' child processes are given a part of. */
  readonly childEnv: Readonly<Record<string, string | undefined>>;
}

/** Reads the environment; names of OpenFaaS' Helm chart count as ours do. */
export function loadConfig(given: Env): BuilderServiceConfig {
  const { env, problems, reworded } = withChartNames(given);
  return readEnv(env, (fields) => {
    const config = builderConfig(fields, env);
    fields.problems.splice(0, Infinity, ...problems, ...fields.problems.map(reworded));
    return config;
  });
}

/** Reads the settings of all modules. Child processes get a part of `env`. */
export function builderConfig(fields: Fields, env: Env): BuilderServiceConfig {
  const isSigned = !fields.bool('DISABLE_HMAC', {
    doc: '`true` builds every payload, signed or not. The log at start and `/ready` warn of it',
    default: false,
  });
  const buildTimeoutMs = fields.int('BUILD_TIMEOUT_MS', {
    doc: 'Of one build',
    default: 30 * 60 * 1000,
    min: 1,
  });
  return {
    ...commonConfig(fields, { port: 8081, shutdownGraceMs: graceForBuilds(buildTimeoutMs) }),
    ...engineConfig(fields),
    maxInflight: fields.int('MAX_INFLIGHT', {
      doc: 'Concurrent builds. Beyond it `POST /build` answers 429',
      shownDefault: '0, no limit',
      default: 0,
    }),
    ...(isSigned
      ? payloadSecrets(fields)
      : { payloadSecret: undefined, previousPayloadSecrets: previousPayloadSecrets(fields) }),
    keyRing: keyRing(fields),
    reproducible: fields.bool('REPRODUCIBLE', {
      doc: 'The same source gives the same digest, unless a request sets `SOURCE_DATE_EPOCH`. BuildKit then packs all layers at each push ([ADR 11](../adr/0011-reproducible-images-on-request.md))',
      default: false,
    }),
    ...registrySettings(fields),
    buildTimeoutMs,
    detachedBuildMs: fields.int('DETACHED_BUILD_MS', {
      doc: 'A build goes on so long without a worker that reads it, and another worker can [continue it](../function-builder-api.md#builds-that-outlive-their-client). 0: a build ends with its connection',
      default: 60_000,
      max: 3_600_000,
    }),
    buildResultMs: fields.int('BUILD_RESULT_MS', {
      doc: 'How long the result of such a build is kept after its end',
      default: 300_000,
      min: 1,
      max: 3_600_000,
    }),
    buildLogBytes: fields.int('BUILD_LOG_BYTES', {
      doc: 'Memory for logs and results of such builds. Beyond it the oldest results are dropped, then the oldest lines of the longest log. One log has at most 4 MiB',
      default: 32 * 1024 * 1024,
      min: 64 * 1024,
    }),
    ...payloadBounds(fields, { maxSourceBytes: 1024 * 1024 * 1024, min: 1024 }),
    allowedFrontends:
      fields.optionalParsed('ALLOWED_FRONTENDS', {
        doc: 'Comma-separated images that `# syntax=` and `BUILDKIT_SYNTAX` may name. BuildKit loads them; [frontends](#frontends)',
        parse: frontends,
      }) ?? [],
    workDir: fields.string('WORK_DIR', {
      doc: 'Where payloads are unpacked. Cleared at start',
      shownDefault: '`<tmp>/slipway-builder`',
      default: join(tmpdir(), 'slipway-builder'),
    }),
    childEnv: { ...env },
  };
}

/** Returns the settings that the start-up line lists. It shows secrets only as configured or not. */
export function shownSettings(config: BuilderServiceConfig, engine: EngineName): Record<string, unknown> {
  return {
    engine,
    ...config.engines[engine].settings,
    bind_host: config.bindHost ?? 'all',
    port: config.port,
    metrics_port: config.metricsPort ?? config.port,
    max_inflight: config.maxInflight,
    payload_secret: config.payloadSecret ? 'configured' : 'not checked',
    previous_payload_secrets: config.previousPayloadSecrets.length,
    build_secrets_keys: config.keyRing?.keyIds ?? [],
    reproducible: config.reproducible,
    insecure_registries: config.insecureRegistries,
    docker_config: config.dockerConfig,
    credential_helper_env: config.credentialHelperEnv,
    build_timeout_ms: config.buildTimeoutMs,
    detached_build_ms: config.detachedBuildMs,
    build_result_ms: config.buildResultMs,
    build_log_bytes: config.buildLogBytes,
    max_source_bytes: config.maxSourceBytes,
    unverified_payload_bytes: config.unverifiedPayloadBytes,
    min_free_disk_bytes: config.minFreeDiskBytes,
    max_source_files: config.maxSourceFiles,
    allowed_frontends: config.allowedFrontends,
    work_dir: config.workDir,
    shutdown_grace_ms: config.shutdownGraceMs,
  };
}

interface WarningOptions {
  readonly config: Pick<BuilderServiceConfig, 'payloadSecret' | 'insecureRegistries'>;
  readonly engine: Pick<BuildEngine, 'warnings'>;
}

/** Returns warnings about dangerous settings. The service logs them at start, and readiness lists them while it runs. */
export function warningsOf({ config, engine }: WarningOptions): string[] {
  const { payloadSecret, insecureRegistries } = config;
  return [
    ...(payloadSecret === undefined
      ? [
          'DISABLE_HMAC is on: signatures are not checked, so every client that reaches this port can build and push',
        ]
      : []),
    ...(insecureRegistries.includes('*') ? ['every registry may be spoken to over plain http'] : []),
    ...engine.warnings,
  ];
}

function keyRing(fields: Fields): KeyRing | undefined {
  const keys = fields.optionalSecret('BUILD_SECRETS_PRIVATE_KEY', {
    doc: 'Opens sealed build secrets. For a rotation several keys, one a line: `GET /publickey` gives the first',
  });
  if (keys === undefined) return undefined;
  try {
    return new KeyRing(keys);
  } catch (error) {
    fields.problems.push(`BUILD_SECRETS_PRIVATE_KEY ${(error as Error).message}`);
    return undefined;
  }
}

function items(raw: string): string[] {
  return raw
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function frontends(raw: string): string[] {
  return items(raw).map((image) => {
    if (!parseImageReference(image)) throw new Error(`holds '${image}', which is no image reference`);
    return image;
  });
}
