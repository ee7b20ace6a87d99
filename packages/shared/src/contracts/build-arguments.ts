/** Separates the cache mounts of one value from those of another (`RUN --mount=type=cache`). BuildKit takes it for itself. */
export const cacheNamespaceArg = 'BUILDKIT_CACHE_MOUNT_NS';
/** The host name that steps see. BuildKit takes it for itself, and keeps it in the cache key of each `RUN` step. */
export const sandboxHostnameArg = 'BUILDKIT_SANDBOX_HOSTNAME';

/**
 * Who decides on a build argument or a build secret of a name:
 * `worker`: the worker sets it, and drops what the job says;
 * `proxy`: tenants other than `default` may give it only where their settings allow it;
 * `fetch`: tenants other than `default` may not give it;
 * `job`: it reaches no other build, so that the job decides.
 */
export type ArgumentRule = 'worker' | 'proxy' | 'fetch' | 'job';

interface Row {
  /** In upper case; one that ends in `_` stands for all names that begin with it. */
  readonly name: string;
  readonly rule: ArgumentRule;
}

/** Every name that BuildKit 0.34 or its Dockerfile frontend takes for itself, and why the rule is what it is. */
const rows: readonly Row[] = [
  // They keep the layers and the cache mounts of tenants apart.
  { name: sandboxHostnameArg, rule: 'worker' },
  { name: cacheNamespaceArg, rule: 'worker' },
  // BuildKit sets them in each step but leaves them out of its cache key: what a proxy answered would serve later builds.
  { name: 'HTTP_PROXY', rule: 'proxy' },
  { name: 'HTTPS_PROXY', rule: 'proxy' },
  { name: 'FTP_PROXY', rule: 'proxy' },
  { name: 'NO_PROXY', rule: 'proxy' },
  { name: 'ALL_PROXY', rule: 'proxy' },
  // As secrets, BuildKit fetches private repositories and files with them, and finds these again by commit or checksum alone.
  { name: 'GIT_AUTH_', rule: 'fetch' },
  { name: 'HTTP_AUTH_', rule: 'fetch' },
  // The builder holds the frontend against ALLOWED_FRONTENDS.
  { name: 'BUILDKIT_SYNTAX', rule: 'job' },
  // They describe the job's own image. A generator of SBOMs runs as a step does, with the files of this image alone.
  { name: 'BUILDKIT_ATTEST_', rule: 'job' },
  { name: 'BUILDKIT_SBOM_SCAN_', rule: 'job' },
  { name: 'BUILDKIT_INLINE_CACHE', rule: 'job' },
  { name: 'BUILDKIT_MULTI_PLATFORM', rule: 'job' },
  { name: 'SOURCE_DATE_EPOCH', rule: 'job' },
  // They are about a context that BuildKit fetches itself. Slipway sends it a folder.
  { name: 'BUILDKIT_CONTEXT_KEEP_GIT_DIR', rule: 'job' },
  // They change warnings, or are refused by BuildKit.
  { name: 'BUILDKIT_DOCKERFILE_CHECK', rule: 'job' },
  { name: 'BUILDKIT_GIT_ADVICE', rule: 'job' },
  { name: 'BUILDKIT_DISABLE_FILEOP', rule: 'job' },
];

/** The rule for a build argument or build secret. Letter case does not count: BuildKit reads proxies in any. */
export function argumentRule(name: string): ArgumentRule {
  const upper = name.toUpperCase();
  const row = rows.find(({ name: known }) =>
    known.endsWith('_') ? upper.startsWith(known) : upper === known,
  );
  return row?.rule ?? 'job';
}

/** The arguments without those that the worker decides on. */
export function withoutWorkerArguments(args: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(args).filter(([name]) => argumentRule(name) !== 'worker'));
}
