import { canonicalImage } from '../contracts/index.js';
import { buildkitGrammar, parseDockerfile } from './instructions.js';
import { type NamedSource, type NamedSources, namedSources } from './sources.js';

export interface BaseImagesOptions {
  readonly dockerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Platforms in normal form. Without any, parts that depend on the platform are unknown. */
  readonly platforms: readonly string[];
  /** The stage to build, by name or number; undefined means the last one. */
  readonly target?: string | undefined;
}

/** Longer texts name no image: 255 characters of name, 128 of tag, and a digest. */
const maxName = 1_024;
/** Limits the images of a record. */
const maxImages = 256;

/**
 * Returns the base images of a build in canonical spelling, each once and in the order of the Dockerfile. These are the images
 * that FROM, `--from` and the `from` of mounts name in the stages that the target needs. Excludes stages, `scratch`, triggers of
 * the images themselves (ONBUILD), and names that depend on unknown values. Never throws; for an invalid Dockerfile it returns the
 * images that it could read.
 */
export function baseImages({ dockerfile, buildArgs, platforms, target }: BaseImagesOptions): string[] {
  const parsed = parseDockerfile(dockerfile, buildkitGrammar);
  const images = new Set<string>();
  for (const platform of platforms.length === 0 ? [undefined] : platforms) {
    const named = namedSources(parsed, {
      buildArgs,
      platform: { target: platform, build: undefined },
      target,
    });
    for (const name of neededNames(named, target)) {
      const image = name.length > maxName ? undefined : canonicalImage(name);
      if (image !== undefined) images.add(image);
      if (images.size === maxImages) return [...images];
    }
  }
  return [...images];
}

/** Returns the names in the needed stages that are not stages themselves. */
function neededNames(named: NamedSources, target: string | undefined): string[] {
  const needed = neededStages(named, target);
  return named.sources.flatMap((source) => {
    const { name, stage, isTrigger } = source;
    const isNeeded = (isTrigger ? needed.triggered : needed.stages).has(stage);
    return isNeeded && name !== undefined && name !== 'scratch' && stageOf(source, named) === undefined
      ? [name]
      : [];
  });
}

/** Returns the stage that a source refers to. Later stages count for triggers, because triggers run in a later stage. */
function stageOf({ name, earlier, isTrigger }: NamedSource, named: NamedSources): number | undefined {
  return isTrigger && name !== undefined ? stageNamed(name, named) : earlier;
}

function stageNamed(name: string, { stages, stageCount }: NamedSources): number | undefined {
  const number = /^\d{1,6}$/.test(name) ? Number(name) : stageCount;
  return stages.get(name.toLowerCase()) ?? (number < stageCount ? number : undefined);
}

interface Needed {
  readonly stages: ReadonlySet<number>;
  /** The stages whose triggers run, because a needed stage is based on them. */
  readonly triggered: ReadonlySet<number>;
}

function neededStages(named: NamedSources, target: string | undefined): Needed {
  const uses = usesOf(named);
  const [stages, triggered] = [new Set<number>(), new Set<number>()];
  const first = target === undefined ? named.stageCount - 1 : stageNamed(target, named);
  const wanted = first === undefined ? [] : [first];
  while (wanted.length > 0) {
    const stage = wanted.pop() ?? -1;
    const use = uses[stage];
    if (use === undefined || stages.has(stage)) continue;
    stages.add(stage);
    for (const other of use.others) wanted.push(other);
    if (use.base === undefined) continue;
    wanted.push(use.base);
    if (triggered.has(use.base)) continue;
    triggered.add(use.base);
    for (const trigger of uses[use.base]?.triggers ?? []) wanted.push(trigger);
  }
  return { stages, triggered };
}

/** The stages that a stage uses. */
interface Uses {
  base: number | undefined;
  readonly others: Set<number>;
  readonly triggers: Set<number>;
}

function usesOf(named: NamedSources): Uses[] {
  const none = (): Uses => ({ base: undefined, others: new Set(), triggers: new Set() });
  const uses = Array.from({ length: named.stageCount }, none);
  for (const source of named.sources) {
    const own = uses[source.stage];
    const used = stageOf(source, named);
    if (own === undefined || used === undefined) continue;
    if (source.where === 'FROM') own.base = used;
    else (source.isTrigger ? own.triggers : own.others).add(used);
  }
  return uses;
}
