import { join } from 'node:path';
import { type EngineName, engineNames } from '@slipway/shared/contracts';
import { buildkitAnswers, startBuildkitd } from '../buildkitd.js';
import { findTool } from '../tools.js';
import type { Parts } from './parts.js';

interface ReplicaEngine {
  /** The number of the builder replica, from 1. */
  readonly number: number;
  /** For all that the engine keeps. */
  readonly dir: string;
  /** `host:port` of the registry, which speaks plain http. */
  readonly registry: string;
  readonly parts: Parts;
}

/** Runs a build engine on this machine. */
interface LocalEngine {
  /** A sentence that tells how to get the engine. */
  readonly advice: string;
  isUsable(): Promise<boolean>;
  /** Starts what the engine of one builder replica needs. Returns the settings of that builder. */
  start(replica: ReplicaEngine): Promise<Record<string, string>>;
}

const engines: Readonly<Record<EngineName, LocalEngine>> = {
  buildkit: {
    advice:
      'Install buildkitd, buildctl (https://github.com/moby/buildkit/releases) and runc, and start this as root; or set ' +
      'BUILDKIT_HOST to the address of a BuildKit daemon that runs already, with buildctl on PATH.',
    isUsable: async () => startsDaemons() || (await daemonAnswers()),
    start: async ({ number, dir, registry, parts }) => {
      if (!startsDaemons()) return {};
      const { address } = await parts.start({
        name: `buildkitd ${number}`,
        start: (common) => startBuildkitd({ dir, insecureRegistries: [registry], ...common }),
        address: (daemon) => daemon.address,
      });
      return { BUILDKIT_HOST: address };
    },
  },
  buildah: {
    advice: 'Install buildah (on Debian: apt-get install buildah).',
    isUsable: async () => findTool('buildah') !== undefined,
    // Only this machine reaches this Slipway, so its user wrote or chose all sources.
    start: async ({ dir }) => ({ ENGINE_STATE_DIR: dir, BUILDAH_TRUSTED_SOURCES: 'true' }),
  },
};

/** Returns the engine that can build images on this machine, in the order of `engineNames`. Rejects with what to install if there is none. */
export async function chooseEngine(wanted: EngineName | undefined): Promise<EngineName> {
  const names = wanted === undefined ? engineNames : [wanted];
  for (const name of names) if (await engines[name].isUsable()) return name;
  const advice = names.map((name) => engines[name].advice).join(' Or: ');
  throw new Error(`${wanted ?? 'A build engine'} is missing. ${advice}`);
}

/** Starts the engine of one builder replica below `folder`. Returns the settings of that builder. */
export async function startEngine({
  name,
  folder,
  ...replica
}: Omit<ReplicaEngine, 'dir'> & { readonly name: EngineName; readonly folder: string }): Promise<
  Record<string, string>
> {
  const dir = join(folder, `${name}-${replica.number}`);
  return { ENGINE: name, ...(await engines[name].start({ ...replica, dir })) };
}

/** Returns true if each replica gets a BuildKit daemon of its own. */
function startsDaemons(): boolean {
  const tools = ['buildkitd', 'buildctl', 'runc'];
  return process.getuid?.() === 0 && tools.every((tool) => findTool(tool) !== undefined);
}

async function daemonAnswers(): Promise<boolean> {
  const buildctl = findTool('buildctl');
  return buildctl !== undefined && (await buildkitAnswers({ buildctl }));
}
