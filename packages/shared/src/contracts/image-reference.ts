/** The parts of an image reference. `domain` is empty when the reference names none. */
export interface ImageReference {
  readonly domain: string;
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const domainComponent = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domain = `(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const pathComponent = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const name = `(?:(${domain})/)?(${pathComponent}(?:/${pathComponent})*)`;
const tag = '[\\w][\\w.-]{0,127}';
/** The algorithms that the OCI image specification registers and the distribution project knows, at their full lengths. */
const digest = 'sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}';
/** An image id, which is not a name. */
const identifier = /^[0-9a-f]{64}$/;
const grammar = new RegExp(`^${name}(?::(${tag}))?(?:@(${digest}))?$`);

/**
 * Parses an image reference by the grammar of the OCI distribution project (`reference` package):
 * `[domain[:port]/]path[:tag][@digest]`, with a name of up to 255 characters, and no bare image id. Undefined for an invalid
 * reference.
 */
export function parseImageReference(text: string): ImageReference | undefined {
  if (text.length > 4096) return undefined;
  const match = grammar.exec(text);
  if (!match) return undefined;
  const [, first = '', rest = '', tagPart, digestPart] = match;
  // A first component is a domain only if it looks like one; otherwise it belongs to the path.
  const isDomain =
    first.includes('.') || first.includes(':') || first === 'localhost' || first !== first.toLowerCase();
  const path = first === '' || isDomain ? rest : `${first}/${rest}`;
  if ((isDomain ? first.length + 1 : 0) + path.length > 255) return undefined;
  if (!isDomain && identifier.test(path)) return undefined;
  return { domain: isDomain ? first : '', path, tag: tagPart, digest: digestPart };
}

/** Returns the reference without tag and digest: the key of layer caches and affinity. */
export function imageRepository(reference: ImageReference): string {
  return reference.domain === '' ? reference.path : `${reference.domain}/${reference.path}`;
}
