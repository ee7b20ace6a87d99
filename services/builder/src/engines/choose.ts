import { setTimeout as sleep } from 'node:timers/promises';
import { type EngineName, engineFacts, engineNames } from '@slipway/shared/contracts';
import { helperEnvironment } from '@slipway/shared/docker-config';
import type { BuildEngine, EngineContext } from './engine.js';
import { type EngineConfig, engines } from './engines.js';
import { withRegistryChecks } from './registry-checks.js';

export interface EngineOptions extends EngineConfig, Omit<EngineContext, 'env' | 'helperEnv'> {
  readonly childEnv: Readonly<Record<string, string | undefined>>;
  /** Variables that credential helpers get besides those of the clouds. */
  readonly credentialHelperEnv: readonly string[];
  /** Milliseconds that `auto` waits for a daemon that is starting, where its client is installed. */
  readonly daemonWaitMs: number;
}

/**
 * Returns the engine that ENGINE names; `auto` takes the first engine that runs here. Rejects with what to install when there is none.
 * The daemon of an engine that ENGINE names may still be starting.
 */
export async function chooseEngine(options: EngineOptions): Promise<BuildEngine> {
  const { engine: name, engines: configured, childEnv, credentialHelperEnv } = options;
  const { insecureRegistries, dockerConfig, configDir, killGraceMs, takesSecrets, logger } = options;
  const context = {
    ...{ insecureRegistries, dockerConfig, configDir, killGraceMs, takesSecrets, logger },
    env: engineEnvironment(childEnv),
    helperEnv: helperEnvironment({ env: childEnv, extra: credentialHelperEnv }),
  };
  const open = (each: EngineName) => configured[each].open(context);
  const engine = name === 'auto' ? await firstThatRuns({ ...options, open }) : await open(name);
  return withRegistryChecks(engine, { dockerConfig, insecureRegistries, env: childEnv });
}

interface FirstOptions extends Pick<EngineOptions, 'daemonWaitMs' | 'logger'> {
  readonly open: (name: EngineName) => Promise<BuildEngine>;
}

async function firstThatRuns({ open, daemonWaitMs, logger }: FirstOptions): Promise<BuildEngine> {
  const failed: { readonly title: string; readonly reason: string }[] = [];
  for (const name of engineNames) {
    const { title } = engineFacts[name];
    try {
      const engine = await open(name);
      if (engines[name].hasDaemon) await answers(engine, daemonWaitMs);
      if (failed.length > 0) {
        const titles = failed.map((each) => each.title).join(' and ');
        logger.warn({ reason: reasons(failed) }, `${titles} cannot be used: ${title} builds instead`);
      }
      return engine;
    } catch (error) {
      failed.push({ title, reason: (error as Error).message });
    }
  }
  const advice = engineNames.map((name) => engines[name].advice).join(', or ');
  throw new Error(`there is no build engine: ${reasons(failed)}. To get one, ${advice}.`);
}

const reasons = (failed: readonly { readonly reason: string }[]) =>
  failed.map(({ reason }) => reason).join('; ');

/** Resolves once the daemon of the engine answers. Rejects with the engine's error if that takes longer than `waitMs`. */
async function answers(engine: BuildEngine, waitMs: number): Promise<void> {
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

/** Variables of the builder's environment that the engines' clients need. None of them is a secret of the builder. */
const passedOn = [
  'PATH',
  'HOME',
  'TMPDIR',
  'LANG',
  'XDG_RUNTIME_DIR',
  'XDG_CONFIG_HOME',
  'XDG_DATA_HOME',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
];

/** The environment of an engine's child processes: what an allowlist takes of ours. */
function engineEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(passedOn.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
