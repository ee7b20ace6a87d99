import { setTimeout as sleep } from 'node:timers/promises';
import { helperEnvironment } from '@slipway/shared/docker-config';
import type { Logger } from '@slipway/shared/logger';
import { isRunning } from '../builds/work-dir.js';
import { BuildahEngine } from './buildah/buildah.js';
import { BuildkitEngine } from './buildkit/buildkit.js';
import type { BuildEngine } from './engine.js';
import { engineEnvironment } from './environment.js';
import { withRegistryChecks } from './registry-checks.js';

export interface EngineOptions {
  readonly engine: 'auto' | 'buildkit' | 'buildah';
  readonly buildkitHost: string;
  readonly insecureRegistries: readonly string[];
  readonly sbomScanner: string | undefined;
  readonly dockerConfig: string;
  readonly engineStateDir: string | undefined;
  readonly buildahTrustedSources: boolean;
  readonly childEnv: Readonly<Record<string, string | undefined>>;
  /** Variables that credential helpers get besides those of the clouds. */
  readonly credentialHelperEnv: readonly string[];
  readonly configDir: string;
  readonly killGraceMs: number;
  /** Milliseconds that `auto` waits for a buildkitd that is starting, where `buildctl` is installed. */
  readonly buildkitWaitMs: number;
  readonly logger: Logger;
}

/**
 * Returns the engine that is asked for; `auto` takes BuildKit where a buildkitd answers in time, else buildah if it may run here. Rejects with what to
 * install when there is none. A buildkitd that is asked for by name may still be starting: it need not answer yet.
 */
export async function chooseEngine(options: EngineOptions): Promise<BuildEngine> {
  return withRegistryChecks(await openEngine(options), { ...options, env: options.childEnv });
}

async function openEngine(options: EngineOptions): Promise<BuildEngine> {
  switch (options.engine) {
    case 'buildkit':
      return openBuildkit(options);
    case 'buildah':
      return openBuildah(options);
    case 'auto':
      return firstThatRuns(options);
  }
}

async function firstThatRuns(options: EngineOptions): Promise<BuildEngine> {
  const reasons: string[] = [];
  try {
    const engine = await openBuildkit(options);
    await answering(engine, options.buildkitWaitMs);
    return engine;
  } catch (error) {
    reasons.push((error as Error).message);
  }
  try {
    const engine = await openBuildah(options);
    options.logger.warn({ reason: reasons[0] }, 'BuildKit cannot be used: buildah builds instead');
    return engine;
  } catch (error) {
    reasons.push((error as Error).message);
  }
  throw new Error(
    `there is no build engine: ${reasons.join('; ')}. Start a buildkitd and install buildctl ` +
      '(https://github.com/moby/buildkit/releases), with BUILDKIT_HOST naming its address, ' +
      'or install buildah (on Debian: apt-get install buildah).',
  );
}

/** Resolves once the daemon answers; rejects with why it does not after `waitMs`. */
async function answering(engine: BuildkitEngine, waitMs: number): Promise<void> {
  const until = performance.now() + waitMs;
  for (;;) {
    try {
      return await engine.check();
    } catch (error) {
      if (performance.now() >= until) throw error;
      await sleep(250);
    }
  }
}

async function openBuildkit(options: EngineOptions): Promise<BuildkitEngine> {
  const engine = new BuildkitEngine({
    address: options.buildkitHost,
    insecureRegistries: options.insecureRegistries,
    sbomScanner: options.sbomScanner,
    dockerConfig: options.dockerConfig,
    configDir: options.configDir,
    env: engineEnvironment(options.childEnv),
    helperEnv: helperEnvironment({ env: options.childEnv, extra: options.credentialHelperEnv }),
    killGraceMs: options.killGraceMs,
  });
  const version = await engine.version();
  if (version === undefined)
    options.logger.warn('buildctl does not say its version; 0.31.1 is the oldest supported');
  return engine;
}

async function openBuildah(options: EngineOptions): Promise<BuildahEngine> {
  const engine = new BuildahEngine({
    stateDir: options.engineStateDir,
    trustedSources: options.buildahTrustedSources,
    insecureRegistries: options.insecureRegistries,
    dockerConfig: options.dockerConfig,
    env: engineEnvironment(options.childEnv),
    helperEnv: helperEnvironment({ env: options.childEnv, extra: options.credentialHelperEnv }),
    killGraceMs: options.killGraceMs,
    logger: options.logger,
  });
  await engine.prepare(isRunning);
  return engine;
}
