import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { findTool, startBuildkitd } from '@slipway/local';
import { createLogger } from '@slipway/shared/logger';
import { chooseEngine } from '../engines/choose.js';
import type { BuildEngine } from '../engines/engine.js';

export const engineNames = ['buildkit', 'buildah'] as const;
export type EngineName = (typeof engineNames)[number];

const needs: Readonly<Record<EngineName, readonly string[]>> = {
  buildkit: ['buildctl', 'buildkitd', 'runc', 'busybox', 'docker-registry'],
  buildah: ['buildah', 'busybox', 'docker-registry'],
};
const advice: Readonly<Record<EngineName, string>> = {
  buildkit:
    'apt-get install runc busybox-static docker-registry, and put buildctl and buildkitd of https://github.com/moby/buildkit/releases on PATH or in .cache/bin',
  buildah: 'apt-get install buildah busybox-static docker-registry',
};

/** Returns what to install before an engine can be tested here, or undefined if everything is installed. */
function missingFor(name: EngineName): string | undefined {
  const missing = needs[name].filter((tool) => findTool(tool) === undefined);
  return missing.length === 0 ? undefined : `${missing.join(', ')} missing: ${advice[name]}`;
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
  const folders = ['buildctl', 'buildah']
    .flatMap((tool) => findTool(tool) ?? [])
    .map((path) => dirname(path));
  return { PATH: [process.env.PATH, ...folders].join(':'), HOME: process.env.HOME ?? '/root' };
}

interface OpenOptions {
  readonly name: EngineName;
  /** For all that the engine keeps. */
  readonly dir: string;
  readonly insecureRegistries: readonly string[];
  /** `host[:port]` that a daemon of the engine asks first in place of a registry. */
  readonly mirrors?: Readonly<Record<string, string>>;
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
    /** In place of what finds the engines' tools. */
    childEnv?: Readonly<Record<string, string>>;
    credentialHelperEnv?: readonly string[];
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
  ...options
}: OpenOptions): Promise<OpenedEngine> {
  const missing = missingFor(name);
  if (missing !== undefined) throw new Error(missing);
  await mkdir(dir, { recursive: true });
  const { insecureRegistries } = options;
  const daemon = name === 'buildkit' ? await startBuildkitd({ dir, insecureRegistries, mirrors }) : undefined;
  const open = (changed: Partial<typeof options>) =>
    chooseEngine({
      engine: name,
      buildkitHost: daemon?.address ?? '',
      dockerConfig: join(dir, 'no-credentials'),
      sbomScanner: undefined,
      childEnv: toolEnv(),
      credentialHelperEnv: [],
      ...options,
      ...changed,
      engineStateDir: join(dir, 'state'),
      configDir: dir,
      killGraceMs: 500,
      buildkitWaitMs: 0,
      buildahTrustedSources: true,
      logger: createLogger({ name: 'test', level: 'info', destination: new PassThrough() }),
    });
  const engine = await open({});
  return {
    engine,
    reopen: open,
    settings:
      daemon === undefined
        ? { ENGINE: name, ENGINE_STATE_DIR: join(dir, 'state'), BUILDAH_TRUSTED_SOURCES: 'true' }
        : { ENGINE: name, BUILDKIT_HOST: daemon.address },
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
