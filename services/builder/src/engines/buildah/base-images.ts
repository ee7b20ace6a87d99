import type { ChildExit } from '@slipway/shared/processes';
import type { BaseImage } from './dockerfile/images.js';
import type { StageStart } from './dockerfile/mount-targets.js';

interface InheritedOptions {
  readonly bases: readonly BaseImage[];
  /** Options of `buildah pull` for access to registries. */
  readonly pullOptions: readonly string[];
  /** Runs a command of buildah; resolves with what it printed. */
  readonly run: (args: readonly string[]) => Promise<{ readonly exit: ChildExit; readonly printed: string }>;
}

/** The settings that base images bring into a build. */
interface Inherited {
  /** ONBUILD, of all images. */
  readonly triggers: readonly string[];
  /** By the name of the image. */
  readonly starts: ReadonlyMap<string, StageStart>;
}

/**
 * Returns what base images bring into a build. Returns undefined if it is unknown: an image cannot be pulled (the build
 * reports that itself if it needs the image), or an image differs by platform.
 */
export async function inheritedFrom({
  bases,
  pullOptions,
  run,
}: InheritedOptions): Promise<Inherited | undefined> {
  if (bases.some(({ hasPlatform }) => hasPlatform)) return undefined;
  const triggers: string[] = [];
  const starts = new Map<string, StageStart>();
  for (const name of new Set(bases.map((base) => base.name))) {
    // Without more tries: the build asks the same registry again.
    const pull = ['pull', '--quiet', '--policy=always', '--retry=0', ...pullOptions, '--', name];
    const pulled = await run(pull);
    if (pulled.exit.code !== 0) return undefined;
    const inspected = await run(['inspect', '--type=image', '--', pulled.printed.trim()]);
    const found = inspected.exit.code === 0 ? configOf(inspected.printed) : undefined;
    if (found === undefined) return undefined;
    triggers.push(...found.triggers);
    starts.set(name, found.start);
  }
  return { triggers, starts };
}

interface ImageConfig {
  readonly OnBuild?: readonly string[] | null;
  readonly Env?: readonly string[] | null;
  readonly WorkingDir?: string;
}

/** Reads `buildah inspect`: `Docker.config`, whose lists are null when they are empty. */
function configOf(printed: string): { triggers: readonly string[]; start: StageStart } | undefined {
  try {
    const { Docker } = JSON.parse(printed) as { Docker?: { config?: ImageConfig } };
    if (Docker?.config === undefined) return undefined;
    const { OnBuild, Env, WorkingDir } = Docker.config;
    const values = new Map((Env ?? []).map((each) => splitPair(each)));
    const start = { workingDir: WorkingDir || '/', environment: { values, isComplete: true } };
    return { triggers: [...(OnBuild ?? [])].map(String), start };
  } catch {
    return undefined;
  }
}

function splitPair(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
}
