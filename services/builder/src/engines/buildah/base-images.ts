import type { ChildExit } from '../../process/child.js';
import type { BaseImage } from './dockerfile/images.js';

interface TriggersOptions {
  readonly bases: readonly BaseImage[];
  /** Of `buildah pull`: how registries are spoken to. */
  readonly pullOptions: readonly string[];
  /** Runs a command of buildah; resolves with what it printed. */
  readonly run: (args: readonly string[]) => Promise<{ readonly exit: ChildExit; readonly printed: string }>;
}

/**
 * Returns the triggers (ONBUILD) that base images bring into a build. Undefined when they cannot be told: when an image cannot be pulled,
 * which the build itself then reports if it needs the image, or is one of several by platform.
 */
export async function triggersOf({
  bases,
  pullOptions,
  run,
}: TriggersOptions): Promise<string[] | undefined> {
  if (bases.some(({ hasPlatform }) => hasPlatform)) return undefined;
  const triggers: string[] = [];
  for (const name of new Set(bases.map((base) => base.name))) {
    // Without more tries: the build asks the same registry again.
    const pull = ['pull', '--quiet', '--policy=always', '--retry=0', ...pullOptions, '--', name];
    const pulled = await run(pull);
    if (pulled.exit.code !== 0) return undefined;
    const inspected = await run(['inspect', '--type=image', '--', pulled.printed.trim()]);
    const found = inspected.exit.code === 0 ? onbuildOf(inspected.printed) : undefined;
    if (found === undefined) return undefined;
    triggers.push(...found);
  }
  return triggers;
}

/** Reads `buildah inspect`: `Docker.config.OnBuild`, which is null without triggers. */
function onbuildOf(printed: string): string[] | undefined {
  try {
    const { Docker } = JSON.parse(printed) as { Docker?: { config?: { OnBuild?: unknown } } };
    if (Docker?.config === undefined) return undefined;
    const triggers = Docker.config.OnBuild ?? [];
    return Array.isArray(triggers) ? triggers.map(String) : undefined;
  } catch {
    return undefined;
  }
}
