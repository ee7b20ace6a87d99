/** One entry of `BUILDERS`: an endpoint, or a name whose every address is one. */
export interface BuilderEntry {
  readonly kind: 'url' | 'dns';
  /** Scheme, host and port, without a path. */
  readonly url: string;
  /** Builds that each replica takes at once; undefined when nobody said. */
  readonly max: number | undefined;
}

const dnsScheme = /^dns\+(?=http:)/;

/**
 * Parses a comma-separated list of `http://host:port` and `dns+http://name:port`, each with an optional `#max=4`.
 * Throws on anything else.
 */
export function parseBuilders(text: string): BuilderEntry[] {
  const entries = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map(parseBuilder);
  if (entries.length === 0) throw new Error('names no builder');
  const twice = entries.find(({ url }, at) => entries.findIndex((other) => other.url === url) !== at);
  if (twice) throw new Error(`names ${twice.url} twice`);
  return entries;
}

function parseBuilder(item: string): BuilderEntry {
  const kind = dnsScheme.test(item) ? 'dns' : 'url';
  const text = item.replace(dnsScheme, '');
  if (!URL.canParse(text)) throw new Error('must hold URLs like http://host:8081#max=4');
  const { protocol, origin, hash, username, pathname, search } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new Error(`must hold http, https or dns+http URLs, not ${protocol}//`);
  }
  if (username !== '' || search !== '' || pathname !== '/') {
    throw new Error(`must hold only scheme, host and port: '${origin}${pathname}'`);
  }
  const max = /^#max=([1-9]\d{0,3})$/.exec(hash)?.[1];
  if (hash !== '' && max === undefined)
    throw new Error(`must end with #max=<1 to 9999> or nothing: '${hash}'`);
  return { kind, url: origin, max: max === undefined ? undefined : Number(max) };
}
