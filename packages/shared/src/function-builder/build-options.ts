import { type BuilderConfig, canonicalImage, parseImageReference } from '../contracts/index.js';
import { type FieldError, SlipwayError, shownValue } from '../errors/index.js';

/** Options of `docker build` that a configuration may set besides arguments and platforms. */
export interface BuildOptions {
  /** The path of the Dockerfile within the context. */
  readonly dockerfile: string;
  /** The name or number of a stage. Undefined means the last one. */
  readonly target: string | undefined;
  /** More references to push the image to. */
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Annotations of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  readonly pull: boolean;
}

type Given = Pick<BuilderConfig, 'image' | keyof BuildOptions>;

const maxTags = 16;

/** Returns the options of a configuration. Throws `image_invalid` for a tag that cannot be pushed to. `optionErrors` checks the rest. */
export function buildOptions({ image, ...given }: Given): BuildOptions {
  const tags = new Map((given.tags ?? []).map((tag) => [canonicalImage(tag) ?? tag, tag]));
  for (const tag of tags.values()) {
    const reference = parseImageReference(tag);
    if (reference === undefined)
      throw new SlipwayError('image_invalid', `tags: ${shownValue(tag)} is not an image reference.`);
    if (reference.digest !== undefined)
      throw new SlipwayError(
        'image_invalid',
        `tags: ${shownValue(tag)} has a digest, which a push cannot choose.`,
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

/** Returns the errors in the options. Values become parts of command lines. */
export function optionErrors(options: BuildOptions): FieldError[] {
  const { dockerfile, target, tags, labels, annotations } = options;
  const errors: FieldError[] = [];
  const refuse = (path: string, value: string, rule: string) =>
    errors.push({ path, message: `${shownValue(value)} ${rule}` });
  if (dockerfile.startsWith('/') || dockerfile.split('/').includes('..') || !isPrintable(dockerfile, 1024))
    refuse('/dockerfile', dockerfile, 'is not a relative path within the context');
  if (target !== undefined && !/^[A-Za-z0-9][\w.-]{0,127}$/.test(target))
    refuse('/target', target, 'is not the name of a stage');
  if (tags.length > maxTags)
    refuse('/tags', String(tags.length), `references exceed the limit of ${maxTags}`);
  for (const [name, value] of Object.entries(labels))
    if (!key.test(name) || !isPrintable(value, 4096)) refuse('/labels', name, 'is not a valid label');
  // buildctl lower-cases the keys.
  for (const [name, value] of Object.entries(annotations))
    if (!key.test(name) || name !== name.toLowerCase() || !isPrintable(value, 4096))
      refuse('/annotations', name, 'is not a valid annotation in lower case');
  return errors;
}

const isPrintable = (text: string, maxLength: number) => text.length <= maxLength && !/\p{Cc}/u.test(text);
