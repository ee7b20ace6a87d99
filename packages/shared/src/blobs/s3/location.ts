/** Where the blobs of an S3 store are, and how they are written. */
export interface S3Location {
  readonly bucket: string;
  /** Precedes every key: empty, or segments that end with a slash. */
  readonly prefix: string;
  readonly region: string;
  /** The server's address; undefined for AWS. */
  readonly endpoint: string | undefined;
  /** True to name the bucket in the path, false to name it in the host. */
  readonly pathStyle: boolean;
  /** Encrypts objects with this key of AWS KMS. Without it the bucket's default encryption applies. */
  readonly kmsKeyId: string | undefined;
  /** False for a store that does not verify the SHA-256 of an upload. */
  readonly verifiesChecksums: boolean;
}

const parameters = ['region', 'endpoint', 'path_style', 'kms_key_id', 'checksums'];
const bucketPattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const prefixPattern = /^(?:(?!\.)[A-Za-z0-9._-]+\/)*$/;

/** Returns the location that an `s3:` URL names. Throws an error whose message goes on after the name of the setting. */
export function parseLocation(url: URL): S3Location {
  if (url.username !== '' || url.password !== '') {
    throw new Error('must not have credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  }
  if (url.port !== '' || !bucketPattern.test(url.hostname)) {
    throw new Error(`must name a bucket, not '${url.host}': s3://bucket/prefix?region=…`);
  }
  const path = url.pathname.replace(/^\/|\/$/g, '');
  const prefix = path === '' ? '' : `${path}/`;
  if (!prefixPattern.test(prefix) || prefix.length > 256) {
    throw new Error(`has the prefix '${path}': use A-Z a-z 0-9 . _ - and slashes, up to 255 characters`);
  }
  for (const name of url.searchParams.keys()) {
    if (!parameters.includes(name))
      throw new Error(`has the unknown parameter '${name}': use ${parameters.join(', ')}`);
    if (url.searchParams.getAll(name).length > 1) throw new Error(`has the parameter '${name}' twice`);
  }
  const region = url.searchParams.get('region') ?? '';
  if (!/^[a-z0-9-]{1,64}$/.test(region)) {
    throw new Error(`must name its region, not '${region}': s3://bucket/prefix?region=eu-central-1`);
  }
  const choice = (name: string, [first, other]: readonly [string, string]): boolean => {
    const value = url.searchParams.get(name) ?? first;
    if (value !== first && value !== other) throw new Error(`has ${name}=${value}: use ${first} or ${other}`);
    return value === first;
  };
  return {
    ...{ bucket: url.hostname, prefix, region, endpoint: endpointOf(url) },
    pathStyle: !choice('path_style', ['false', 'true']),
    kmsKeyId: url.searchParams.get('kms_key_id') || undefined,
    verifiesChecksums: choice('checksums', ['required', 'optional']),
  };
}

function endpointOf(url: URL): string | undefined {
  const raw = url.searchParams.get('endpoint');
  if (raw === null) return undefined;
  const endpoint = URL.canParse(raw) ? new URL(raw) : undefined;
  if (endpoint?.username || endpoint?.password) throw new Error('must not have credentials in its endpoint');
  const isServer = endpoint && /^https?:$/.test(endpoint.protocol) && endpoint.pathname === '/';
  if (!isServer || endpoint.search !== '' || endpoint.hash !== '') {
    throw new Error(`has the endpoint '${raw}': use http://host:port or https://host:port`);
  }
  return endpoint.origin;
}
