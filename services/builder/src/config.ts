import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommonConfig, commonConfig, type Env, readEnv, type Secret } from '@slipway/shared/config';
import { parseImageReference } from '@slipway/shared/contracts';

export interface BuilderServiceConfig extends CommonConfig {
  readonly engine: 'auto' | 'buildkit' | 'buildah';
  readonly buildkitHost: string;
  /** Where buildah keeps images and containers; undefined means its own default. */
  readonly engineStateDir: string | undefined;
  /** 0 means no limit. */
  readonly maxInflight: number;
  readonly payloadSecret: Secret;
  /** `host[:port]`, in lower case. */
  readonly insecureRegistries: readonly string[];
  /** The folder that holds the `config.json` of registry credentials. */
  readonly dockerConfig: string;
  readonly buildTimeoutMs: number;
  readonly maxSourceBytes: number;
  readonly maxSourceFiles: number;
  /** Image references. */
  readonly allowedFrontends: readonly string[];
  readonly workDir: string;
  /** The environment that the engines' child processes are given a part of. */
  readonly childEnv: Readonly<Record<string, string | undefined>>;
}

export function loadConfig(env: Env): BuilderServiceConfig {
  return readEnv(env, (fields) => ({
    ...commonConfig(fields, { port: 8081 }),
    engine: fields.oneOf('ENGINE', ['auto', 'buildkit', 'buildah'], 'auto'),
    buildkitHost: fields.parsed('BUILDKIT_HOST', buildkitHost, 'unix:///run/buildkit/buildkitd.sock') ?? '',
    engineStateDir: fields.optional('ENGINE_STATE_DIR'),
    maxInflight: fields.int('MAX_INFLIGHT', { default: 0 }),
    payloadSecret: fields.secret('PAYLOAD_SECRET'),
    insecureRegistries: fields.parsed('INSECURE_REGISTRIES', registries, ' ') ?? [],
    dockerConfig: fields.string('DOCKER_CONFIG', join(homedir(), '.docker')),
    buildTimeoutMs: fields.int('BUILD_TIMEOUT_MS', { default: 30 * 60 * 1000, min: 1 }),
    maxSourceBytes: fields.int('MAX_SOURCE_BYTES', { default: 1024 * 1024 * 1024, min: 1024 }),
    maxSourceFiles: fields.int('MAX_SOURCE_FILES', { default: 50_000, min: 1 }),
    allowedFrontends: fields.parsed('ALLOWED_FRONTENDS', frontends, ' ') ?? [],
    workDir: fields.string('WORK_DIR', join(tmpdir(), 'slipway-builder')),
    childEnv: { ...env },
  }));
}

function items(raw: string): string[] {
  return raw
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function buildkitHost(raw: string): string {
  if (!/^(unix|tcp):\/\//.test(raw)) throw new Error('must start with unix:// or tcp://');
  return raw;
}

function registries(raw: string): string[] {
  return items(raw).map((host) => {
    if (parseImageReference(`${host}/x`)?.domain !== host)
      throw new Error(`holds '${host}', which is no host[:port]`);
    return host.toLowerCase();
  });
}

function frontends(raw: string): string[] {
  return items(raw).map((image) => {
    if (!parseImageReference(image)) throw new Error(`holds '${image}', which is no image reference`);
    return image;
  });
}
