import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findTool } from '../tools.js';
import type { EngineName } from './options.js';

/** `ownDaemons`: each replica gets a BuildKit daemon of its own, which has to be started. */
export interface EngineChoice {
  readonly name: EngineName;
  readonly ownDaemons: boolean;
}

/** Returns the engine that can build images on this machine. Rejects with what to install if there is none. */
export async function chooseEngine(wanted: EngineName | undefined): Promise<EngineChoice> {
  const ownDaemons =
    process.getuid?.() === 0 &&
    ['buildkitd', 'buildctl', 'runc'].every((tool) => findTool(tool) !== undefined);
  if (wanted !== 'buildah' && ownDaemons) return { name: 'buildkit', ownDaemons };
  if (wanted !== 'buildah' && (await buildkitAnswers())) return { name: 'buildkit', ownDaemons: false };
  if (wanted !== 'buildkit' && findTool('buildah') !== undefined)
    return { name: 'buildah', ownDaemons: false };
  throw new Error(
    `${wanted ?? 'a build engine'} is missing. Install buildah (on Debian: apt-get install buildah), or buildkitd, ` +
      'buildctl (https://github.com/moby/buildkit/releases) and runc, and start this as root; or set ' +
      'BUILDKIT_HOST to the address of a BuildKit daemon that runs already, with buildctl on PATH.',
  );
}

async function buildkitAnswers(): Promise<boolean> {
  const buildctl = findTool('buildctl');
  if (buildctl === undefined) return false;
  try {
    await promisify(execFile)(buildctl, ['debug', 'workers'], { timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
}
