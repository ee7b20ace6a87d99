import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { findTool, type ProcessHandle, startBuildkitd } from '@slipway/local';
import { Fields } from '@slipway/shared/config';
import { type EngineName, engineNames } from '@slipway/shared/contracts';
import { createLogger } from '@slipway/shared/logger';
import { chooseEngine } from '../engines/choose.js';
import type { BuildEngine } from '../engines/engine.js';
import { engineConfig } from '../engines/engines.js';

export { type EngineName, engineNames };

/** Starts an engine with a state of its own. */
interface TestedEngine {
  readonly tools: readonly string[];
  /** Tells how to install the tools. */
  readonly advice: string;
  start(
    options: Pick<OpenOptions, 'dir' | 'insecureRegistries' | 'noProcessSandbox'> &
      Required<Pick<OpenOptions, 'mirrors'>>,
  ): Promise<StartedEngine>;
}

interface StartedEngine {
  /** Settings of the engine, by the names of the environment. */
  readonly settings: Readonly<Record<string, string>>;
  readonly daemon?: ProcessHandle;
}

/** The engines under test. All conformance suites run on each of them. */
const testedEngines: Readonly<Record<EngineName, TestedEngine>> = {
  buildkit: {
    tools: ['buildctl', 'buildkitd', 'runc', 'busybox', 'docker-registry'],
    advice:
      'apt-get install runc busybox-static docker-registry, and put buildkitd and buildctl of https://github.com/moby/buildkit/releases on PATH or in .cache/bin',
    start: async (options) => {
      const daemon = await startBuildkitd(options);
      return { settings: { BUILDKIT_HOST: daemon.address }, daemon };
    },
  },
  buildah: {
    tools: ['buildah', 'busybox', 'docker-registry'],
    advice: 'apt-get install buildah busybox-static docker-registry',
    start: async ({ dir }) => ({
      settings: { ENGINE_STATE_DIR: join(dir, 'state'), BUILDAH_TRUSTED_SOURCES: 'true' },
    }),
  },
};

/** Returns what to install before an engine can be tested here, or undefined if everything is installed. */
function missingFor(name: EngineName): string | undefined {
  const { tools, advice } = testedEngines[name];
  const missing = tools.filter((tool) => findTool(tool) === undefined);
  return missing.length === 0 ? undefined : `${missing.join(', ')} missing: ${advice}`;
}

/**
 * Returns true if the tests of an engine run: always in CI, where they fail without it. Elsewhere they are left out if the engine is
 * missing, with a message.
 */
export function isTested(name: EngineName): boolean {
  const missing = missingFor(name);
  if (missing === undefined || process.env.CI !== undefined) return true;
  process.stderr.write(`the tests of ${name} are left out: ${missing}\n`);
  return false;
}

/** An environment in which the engines' tools are found. */
export function toolEnv(): Record<string, string> {
  const folders = Object.values(testedEngines)
    .flatMap(({ tools }) => tools)
    .flatMap((tool) => findTool(tool) ?? [])
    .map((path) => dirname(path));
  return { PATH: [process.env.PATH, ...new Set(folders)].join(':'), HOME: process.env.HOME ?? '/root' };
}

interface OpenOptions {
  readonly name: EngineName;
  /** For all that the engine keeps. */
  readonly dir: string;
  readonly insecureRegistries: readonly string[];
  /** `host[:port]` that a daemon of the engine asks first in place of a registry. */
  readonly mirrors?: Readonly<Record<string, string>>;
  /** Gives BuildKit's steps no process sandbox. */
  readonly noProcessSandbox?: boolean;
  readonly dockerConfig?: string;
  readonly sbomScanner?: string;
  readonly childEnv?: Readonly<Record<string, string>>;
  readonly credentialHelperEnv?: readonly string[];
}

export interface OpenedEngine {
  readonly engine: BuildEngine;
  /** The same engine, with other settings. */
  reopen(options: {
    dockerConfig?: string;
    insecureRegistries?: readonly string[];
    sbomScanner?: string;
    /** In place of the environment in which the engines' tools are found. */
    childEnv?: Readonly<Record<string, string>>;
    credentialHelperEnv?: readonly string[];
    /** In place of the settings that reach the engine's own daemon. */
    settings?: Readonly<Record<string, string>>;
  }): Promise<BuildEngine>;
  /** Settings of the service's environment that select this engine. */
  readonly settings: Readonly<Record<string, string>>;
  /** Kills the engine's daemon, if it has one. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

/** A real engine with a state of its own. Rejects with what to install when it is not there. */
export async function openEngine({
  name,
  dir,
  mirrors = {},
  noProcessSandbox = false,
  ...options
}: OpenOptions): Promise<OpenedEngine> {
  const missing = missingFor(name);
  if (missing !== undefined) throw new Error(missing);
  await mkdir(dir, { recursive: true });
  const { insecureRegistries } = options;
  const { settings, daemon } = await testedEngines[name].start({
    dir,
    insecureRegistries,
    mirrors,
    noProcessSandbox,
  });
  const open = ({
    sbomScanner,
    settings: others = {},
    ...changed
  }: Parameters<OpenedEngine['reopen']>[0]) => {
    const scanner = sbomScanner ?? options.sbomScanner;
    return chooseEngine({
      dockerConfig: join(dir, 'no-credentials'),
      childEnv: toolEnv(),
      credentialHelperEnv: [],
      ...options,
      ...changed,
      ...engineConfig(
        new Fields({
          ENGINE: name,
          ...settings,
          ...others,
          ...(scanner && { BUILDER_SBOM_SCANNER: scanner }),
        }),
      ),
      configDir: dir,
      killGraceMs: 500,
      daemonWaitMs: 0,
      takesSecrets: true,
      logger: createLogger({ name: 'test', level: 'info', destination: new PassThrough() }),
    });
  };
  const engine = await open({});
  return {
    engine,
    reopen: open,
    settings: { ENGINE: name, ...settings },
    kill: async () => {
      daemon?.kill('SIGKILL');
      await daemon?.exited;
    },
    close: async () => {
      await engine.close();
      await daemon?.stop();
    },
  };
}
