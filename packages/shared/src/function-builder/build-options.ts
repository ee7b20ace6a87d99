import { type BuilderConfig, canonicalImage, parseImageReference } from '../contracts/index.js';
import { type FieldError, SlipwayError, shownValue } from '../errors/index.js';

/** What of `docker build` a configuration may ask for beside arguments and platforms. */
export interface BuildOptions {
  /** A path within the context. */
  readonly dockerfile: string;
  /** The name or number of a stage. Undefined means the last one. */
  readonly target: string | undefined;
  /** Further references that the image is pushed to. */
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  readonly pull: boolean;
}

type Given = Pick<BuilderConfig, 'image' | keyof BuildOptions>;

const maxTags = 16;

/** Returns the options of a configuration. Throws `image_invalid` for a tag that cannot be pushed to. See `optionErrors` for the rest. */
export function buildOptions({ image, ...given }: Given): BuildOptions {
  const tags = new Map((given.tags ?? []).map((tag) => [canonicalImage(tag) ?? tag, tag]));
  for (const tag of tags.values()) {
    const reference = parseImageReference(tag);
    if (reference === undefined)
      throw new SlipwayError('image_invalid', `tags: ${shownValue(tag)} is not an image reference.`);
    if (reference.digest !== undefined)
      throw new SlipwayError(
        'image_invalid',
        `tags: ${shownValue(tag)} has a digest, which no push can choose.`,
      );
  }
  tags.delete(canonicalImage(image) ?? image);
  return {
    dockerfile: given.dockerfile || 'Dockerfile',
    target: given.target || undefined,
    tags: [...tags.values()],
    labels: given.labels ?? {},
    annotations: given.annotations ?? {},
    noCache: given.noCache === true,
    pull: given.pull === true,
  };
}

const key = /^[A-Za-z0-9](?:[A-Za-z0-9._/:@+-]{0,253}[A-Za-z0-9])?$/;

/** Returns what an engine could not be given. Values become parts of command lines. */
export function optionErrors(options: BuildOptions): FieldError[] {
  const { dockerfile, target, tags, labels, annotations } = options;
  const errors: FieldError[] = [];
  const refuse = (path: string, value: string, rule: string) =>
    errors.push({ path, message: `${shownValue(value)} ${rule}` });
  if (dockerfile.startsWith('/') || dockerfile.split('/').includes('..') || !isPrintable(dockerfile, 1024))
    refuse('/dockerfile', dockerfile, 'is no relative path within the context');
  if (target !== undefined && !/^[A-Za-z0-9][\w.-]{0,127}$/.test(target))
    refuse('/target', target, 'is no name of a stage');
  if (tags.length > maxTags) refuse('/tags', String(tags.length), `references are more than ${maxTags}`);
  for (const [name, value] of Object.entries(labels))
    if (!key.test(name) || !isPrintable(value, 4096)) refuse('/labels', name, 'is no label that can be set');
  // buildctl writes the keys in lower case.
  for (const [name, value] of Object.entries(annotations))
    if (!key.test(name) || name !== name.toLowerCase() || !isPrintable(value, 4096))
      refuse('/annotations', name, 'is no annotation in lower case that can be set');
  return errors;
}

const isPrintable = (text: string, maxLength: number) => text.length <= maxLength && !/\p{Cc}/u.test(text);
