import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Base } from '@slipway/shared/contracts';
import type { ChildExit } from '@slipway/shared/processes';
import type { BaseImage } from './dockerfile/images.js';
import type { StageStart } from './dockerfile/mount-targets.js';

/** Runs a command of buildah; resolves with what it printed. */
type Run = (args: readonly string[]) => Promise<{ readonly exit: ChildExit; readonly printed: string }>;

interface InheritedOptions {
  readonly bases: readonly BaseImage[];
  /** Options of `buildah pull` for access to registries. */
  readonly pullOptions: readonly string[];
  readonly run: Run;
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

/** Limit of the images to look up: each takes a command. */
const maxLookups = 64;

interface UsedOptions {
  readonly references: readonly string[];
  /** `<graph root>/<driver>-images` of buildah's storage. */
  readonly imagesFolder: string;
  readonly run: Run;
}

/**
 * Returns the base images of a build that has just pulled them, as the storage has them. `digest` is that of the index or manifest which the
 * reference had in the registry, `platform_digest` that of the manifest in use. If another build pulls a newer image under the same
 * reference between the two, the newer one is returned. Omits images that the storage does not have.
 */
export async function usedBases({ references, imagesFolder, run }: UsedOptions): Promise<Base[]> {
  const bases: Base[] = [];
  for (const reference of references.slice(0, maxLookups)) {
    const format = '--format={{.FromImageID}} {{.FromImageDigest}}';
    const { exit, printed } = await run(['inspect', '--type=image', format, '--', reference]);
    const [, id, manifest] = /^([0-9a-f]{64}) (sha256:[0-9a-f]{64})$/.exec(printed.trim()) ?? [];
    if (exit.code !== 0 || id === undefined || manifest === undefined) continue;
    const index = await indexOfLastPull({ folder: join(imagesFolder, id), id, manifest });
    const digest = index === 'unknown' ? undefined : (index ?? manifest);
    bases.push({ reference, ...(digest && { digest }), platform_digest: manifest });
  }
  return bases;
}

/**
 * Returns the digest of the index that led to an image when it was pulled last; undefined if there was none. The storage keeps all manifests and
 * indexes that led to an image, and each pull writes the configuration, then the index, then the manifest. The last pull may be that of
 * another reference of the same image: if it had no index and an earlier pull had one, the index is unknown.
 */
async function indexOfLastPull(image: {
  readonly folder: string;
  readonly id: string;
  readonly manifest: string;
}): Promise<string | 'unknown' | undefined> {
  const { folder, id, manifest } = image;
  const written = async (name: string) => (await stat(join(folder, name), { bigint: true })).mtimeNs;
  try {
    const pulledAt = await written(`=${Buffer.from(`sha256:${id}`).toString('base64')}`);
    const [indexes, earlier] = [new Set<string>(), new Set<string>()];
    for (const name of await readdir(folder)) {
      const [, digest] = /^manifest-(sha256:[0-9a-f]{64})$/.exec(nameOfData(name)) ?? [];
      if (digest === undefined || digest === manifest || !(await isIndex(join(folder, name)))) continue;
      ((await written(name)) >= pulledAt ? indexes : earlier).add(digest);
    }
    if (indexes.size > 1 || (indexes.size === 0 && earlier.size > 0)) return 'unknown';
    return [...indexes][0];
  } catch {
    return 'unknown'; // The image is gone meanwhile.
  }
}

async function isIndex(file: string): Promise<boolean> {
  const { manifests } = JSON.parse(await readFile(file, 'utf8')) as { manifests?: unknown };
  return Array.isArray(manifests);
}

/** The storage writes names with other characters than letters and digits in base64, after `=`. */
const nameOfData = (file: string) =>
  file.startsWith('=') ? Buffer.from(file.slice(1), 'base64').toString() : file;
