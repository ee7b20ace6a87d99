import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CommonConfig,
  commonConfig,
  type Env,
  type Fields,
  insecureRegistries,
  previousPayloadSecrets,
  readEnv,
  type Secret,
} from '@slipway/shared/config';
import { type EngineName, parseImageReference } from '@slipway/shared/contracts';
import { helperVariables } from '@slipway/shared/docker-config';
import { type PayloadBounds, payloadBounds } from '@slipway/shared/function-builder';
import { withChartNames } from './chart-names.js';
import { type EngineConfig, engineConfig } from './engines/engines.js';
import { KeyRing } from './secrets/key-ring.js';

export interface BuilderServiceConfig extends CommonConfig, PayloadBounds, EngineConfig {
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
  /** `host[:port]`, in lower case; `*` stands for all. */
  readonly insecureRegistries: readonly string[];
  /** The folder that holds the `config.json` of registry credentials. */
  readonly dockerConfig: string;
  readonly buildTimeoutMs: number;
  readonly maxSourceFiles: number;
  /** Image references. */
  readonly allowedFrontends: readonly string[];
  readonly workDir: string;
  /** Names and prefixes (`VAULT_*`) of variables that credential helpers get besides those of the clouds. */
  readonly credentialHelperEnv: readonly string[];
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

function builderConfig(fields: Fields, env: Env): BuilderServiceConfig {
  const isSigned = !fields.bool('DISABLE_HMAC', false);
  return {
    ...commonConfig(fields, { port: 8081 }),
    ...engineConfig(fields),
    maxInflight: fields.int('MAX_INFLIGHT', { default: 0 }),
    payloadSecret: isSigned ? fields.secret('PAYLOAD_SECRET') : undefined,
    previousPayloadSecrets: previousPayloadSecrets(fields),
    keyRing: keyRing(fields),
    reproducible: fields.bool('REPRODUCIBLE', false),
    insecureRegistries: insecureRegistries(fields),
    dockerConfig: fields.string('DOCKER_CONFIG', join(homedir(), '.docker')),
    buildTimeoutMs: fields.int('BUILD_TIMEOUT_MS', { default: 30 * 60 * 1000, min: 1 }),
    ...payloadBounds(fields, { maxSourceBytes: 1024 * 1024 * 1024, min: 1024 }),
    maxSourceFiles: fields.int('MAX_SOURCE_FILES', { default: 50_000, min: 1 }),
    allowedFrontends: fields.parsed('ALLOWED_FRONTENDS', frontends, ' ') ?? [],
    workDir: fields.string('WORK_DIR', join(tmpdir(), 'slipway-builder')),
    credentialHelperEnv: fields.parsed('CREDENTIAL_HELPER_ENV', helperVariables, ' ') ?? [],
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
    max_source_bytes: config.maxSourceBytes,
    unverified_payload_bytes: config.unverifiedPayloadBytes,
    min_free_disk_bytes: config.minFreeDiskBytes,
    max_source_files: config.maxSourceFiles,
    allowed_frontends: config.allowedFrontends,
    work_dir: config.workDir,
    shutdown_grace_ms: config.shutdownGraceMs,
  };
}

function keyRing(fields: Fields): KeyRing | undefined {
  const keys = fields.optionalSecret('BUILD_SECRETS_PRIVATE_KEY');
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
