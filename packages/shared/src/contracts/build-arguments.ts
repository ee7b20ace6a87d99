/** The argument that separates the cache mounts of one value from those of another (`RUN --mount=type=cache`). Reserved by BuildKit. */
export const cacheNamespaceArg = 'BUILDKIT_CACHE_MOUNT_NS';
/** The argument that sets the host name of steps. Reserved by BuildKit, which keeps it in the cache key of each `RUN` step. */
export const sandboxHostnameArg = 'BUILDKIT_SANDBOX_HOSTNAME';

/**
 * The rule for a build argument or build secret of a name:
 * `worker`: the worker sets it, and drops the job's value;
 * `proxy`: tenants other than `default` may give it only if their settings allow it;
 * `fetch`: tenants other than `default` may not give it;
 * `job`: the job may give it, because it reaches no other build.
 */
export type ArgumentRule = 'worker' | 'proxy' | 'fetch' | 'job';

interface Row {
  /** The name in upper case. A name that ends in `_` matches all names with that prefix. */
  readonly name: string;
  readonly rule: ArgumentRule;
}

/** All names reserved by BuildKit 0.34 or its Dockerfile frontend, with their rules and reasons. */
const rows: readonly Row[] = [
  // They isolate the layers and the cache mounts of tenants.
  { name: sandboxHostnameArg, rule: 'worker' },
  { name: cacheNamespaceArg, rule: 'worker' },
  // BuildKit sets them in each step but leaves them out of its cache key, so a proxy's answer would serve later builds.
  { name: 'HTTP_PROXY', rule: 'proxy' },
  { name: 'HTTPS_PROXY', rule: 'proxy' },
  { name: 'FTP_PROXY', rule: 'proxy' },
  { name: 'NO_PROXY', rule: 'proxy' },
  { name: 'ALL_PROXY', rule: 'proxy' },
  // BuildKit fetches private repositories and files with these secrets, and finds the results again by commit or checksum alone.
  { name: 'GIT_AUTH_', rule: 'fetch' },
  { name: 'HTTP_AUTH_', rule: 'fetch' },
  // The builder checks the frontend against ALLOWED_FRONTENDS.
  { name: 'BUILDKIT_SYNTAX', rule: 'job' },
  // They describe the job's own image. An SBOM generator runs like a step, with the files of this image alone.
  { name: 'BUILDKIT_ATTEST_', rule: 'job' },
  { name: 'BUILDKIT_SBOM_SCAN_', rule: 'job' },
  { name: 'BUILDKIT_INLINE_CACHE', rule: 'job' },
  { name: 'BUILDKIT_MULTI_PLATFORM', rule: 'job' },
  { name: 'SOURCE_DATE_EPOCH', rule: 'job' },
  // They apply to a context that BuildKit fetches itself. Slipway sends a folder.
  { name: 'BUILDKIT_CONTEXT_KEEP_GIT_DIR', rule: 'job' },
  // They change warnings, or BuildKit refuses them.
  { name: 'BUILDKIT_DOCKERFILE_CHECK', rule: 'job' },
  { name: 'BUILDKIT_GIT_ADVICE', rule: 'job' },
  { name: 'BUILDKIT_DISABLE_FILEOP', rule: 'job' },
];

/** Returns the rule for a build argument or build secret. Ignores case, because BuildKit reads proxies in any case. */
export function argumentRule(name: string): ArgumentRule {
  const upper = name.toUpperCase();
  const row = rows.find(({ name: known }) =>
    known.endsWith('_') ? upper.startsWith(known) : upper === known,
  );
  return row?.rule ?? 'job';
}

/** Returns the arguments without those that the worker sets. */
export function withoutWorkerArguments(args: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(args).filter(([name]) => argumentRule(name) !== 'worker'));
}
