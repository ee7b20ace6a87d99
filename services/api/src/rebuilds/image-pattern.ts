import { parseImageReference } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';

const placeholder = /\{([^{}]*)\}/g;
const own = ['registry', 'repository', 'tag', 'namespace', 'name'];

/** Returns the image of one function by a pattern. */
export type ImagePattern = (options: { readonly function: string; readonly image: string }) => string;

/**
 * Parses a pattern such as `{registry}/{repository}:{tag}-{date}`. The names are parts of a function's image, its namespace and
 * name, or keys of `values`, which take precedence. Throws `request_invalid` for an unknown name. The returned function throws
 * `image_invalid` when the result is not an image reference.
 */
export function imagePattern(
  pattern: string,
  values: Readonly<Record<string, string>>,
  path = '/image',
): ImagePattern {
  for (const [, name = ''] of pattern.matchAll(placeholder)) {
    if (own.includes(name) || Object.hasOwn(values, name)) continue;
    const known = [...own, ...Object.keys(values)].map((each) => `{${each}}`).join(', ');
    const message = `holds {${name}}, which is none of ${known}`;
    throw new SlipwayError('request_invalid', `body${path}: ${message}`, {
      errors: [{ path, message }],
    });
  }
  return (options) => {
    const all: Record<string, string> = { ...partsOf(options), ...values };
    const image = pattern.replaceAll(placeholder, (_whole, name: string) => all[name] ?? '');
    const reference = parseImageReference(image);
    if (!reference || reference.digest !== undefined) {
      const message = `gives '${image}' for ${options.function}, which is not the reference of an image to push`;
      throw new SlipwayError('image_invalid', `body${path}: ${message}`, {
        errors: [{ path, message }],
      });
    }
    return image;
  };
}

function partsOf(options: { readonly function: string; readonly image: string }) {
  const [namespace = '', name = ''] = options.function.split('/', 2);
  const { domain = '', path = '', tag = 'latest' } = parseImageReference(options.image) ?? {};
  return { registry: domain === '' ? 'docker.io' : domain, repository: path, tag, namespace, name };
}
