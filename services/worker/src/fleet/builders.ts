/** One builder endpoint, as `BUILDERS` names it. */
export interface BuilderAddress {
  /** Scheme, host and port, without a path. */
  readonly url: string;
  /** Builds it takes at once; undefined when nobody said. */
  readonly max: number | undefined;
}

/** Parses a comma-separated list of `http://host:port`, each with an optional `#max=4`. Throws on anything else. */
export function parseBuilders(text: string): BuilderAddress[] {
  const addresses = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map(parseBuilder);
  if (addresses.length === 0) throw new Error('names no builder');
  const twice = addresses.find(({ url }, at) => addresses.findIndex((other) => other.url === url) !== at);
  if (twice) throw new Error(`names ${twice.url} twice`);
  return addresses;
}

function parseBuilder(item: string): BuilderAddress {
  if (!URL.canParse(item)) throw new Error(`must hold URLs like http://host:8081#max=4, not '${item}'`);
  const { protocol, origin, hash, username, pathname, search } = new URL(item);
  if (protocol !== 'http:' && protocol !== 'https:')
    throw new Error(`must hold http or https URLs, not '${item}'`);
  if (username !== '' || search !== '' || pathname !== '/') {
    throw new Error(`must hold only scheme, host and port: '${origin}${pathname}'`);
  }
  const max = /^#max=([1-9]\d{0,3})$/.exec(hash)?.[1];
  if (hash !== '' && max === undefined)
    throw new Error(`must end with #max=<1 to 9999> or nothing: '${hash}'`);
  return { url: origin, max: max === undefined ? undefined : Number(max) };
}
