import { parseImageReference } from '@slipway/shared/contracts';
import { type NamedSource, namedSources, parseDockerfile } from '@slipway/shared/dockerfile';
import { SlipwayError } from '@slipway/shared/errors';
import { ownPlatform } from '../../platform.js';

interface ImagesOptions {
  readonly dockerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** This buildah reads here-documents. */
  readonly heredocs: boolean;
}

/** A base image of a stage. */
export interface BaseImage {
  readonly name: string;
  /** FROM asks for a platform, so another image may have this name. */
  readonly hasPlatform: boolean;
}

/**
 * Names that containers/image (`transports/alltransports`) takes for a place on this machine when a colon follows. Only `docker` names a registry,
 * and buildah reads `docker:27` as an image.
 */
const localTransports = new Set([
  ...['atomic', 'containers-storage', 'dir', 'docker-archive', 'docker-daemon', 'oci', 'oci-archive'],
  ...['ostree', 'sif', 'tarball'],
]);

/**
 * Returns the base images of all stages. Throws `base_image_invalid` when FROM, `--from` or the `from` of a mount names anything but an
 * image of a registry or a stage: buildah would look for `oci:/path` and the like on the builder's own disk.
 */
export function baseImages({ dockerfile, buildArgs, heredocs }: ImagesOptions): BaseImage[] {
  const parsed = parseDockerfile(dockerfile, { heredocs, joinsEscaped: true });
  const platform = { target: ownPlatform, build: ownPlatform };
  return namedSources(parsed, { buildArgs, platform }).sources.flatMap((source) => {
    const name = checkedImage(source);
    return name !== undefined && source.where === 'FROM' ? [{ name, hasPlatform: source.hasPlatform }] : [];
  });
}

/** Throws `base_image_invalid` when a trigger of a base image (ONBUILD) names anything but an image of a registry. */
export function checkTriggers({
  triggers,
  ...options
}: Omit<ImagesOptions, 'dockerfile'> & { readonly triggers: readonly string[] }): void {
  // As buildah does: a trigger may hold several lines, and go on in the next.
  baseImages({ ...options, dockerfile: triggers.join('\n') });
}

/** Returns the image that is named; undefined for a stage and `scratch`. */
function checkedImage({ name, word, where, earlier }: NamedSource): string | undefined {
  if (earlier !== undefined || name === 'scratch') return undefined;
  if (name !== undefined && isRegistryImage(name)) return name;
  const shown =
    name === undefined || name === word ? quoted(word) : `${quoted(word)}, which is ${quoted(name)}`;
  throw new SlipwayError('base_image_invalid', `${where} names ${shown}: no image of a registry.`);
}

/** Returns true if buildah looks for the name in a registry only. */
function isRegistryImage(name: string): boolean {
  const [, transport] = /^([^:/@]+):/.exec(name) ?? [];
  if (transport !== undefined && localTransports.has(transport)) return false;
  return parseImageReference(name) !== undefined;
}

const quoted = (text: string) => JSON.stringify(text.slice(0, 200));
