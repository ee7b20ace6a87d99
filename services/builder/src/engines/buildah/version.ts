/**
 * The oldest buildah that keeps a Dockerfile away from the files of the machine: the release that fixes the last of
 *
 * - CVE-2024-1753: a mount `from` a stage or image whose source is a symbolic link shows `/` of the machine, writable (1.35.1);
 * - CVE-2024-9407: options of a bind mount are passed on unchecked, and change how the machine's mounts propagate (1.37.4);
 * - CVE-2024-9675: a cache mount with `../` in its `id` mounts any folder of the machine, writable (1.37.5);
 * - CVE-2024-9676: a symbolic link in an image makes the storage read files of the machine and hang (1.37.5);
 * - CVE-2024-11218: a stage or build that runs at the same time swaps the source of a mount for a link to the machine (1.38.1).
 *
 * A distribution may fix them in an older version, which its version does not tell: see `BUILDAH_TRUSTED_SOURCES`.
 */
export const minimumVersion = '1.38.1';

/** The first release that reads here-documents. */
const heredocsSince = '1.33.0';

/** Returns the version that `buildah --version` prints, such as `1.28.2` or `1.38.1-dev`; undefined when it prints none. */
export function versionOf(output: string): string | undefined {
  return /\bbuildah version (\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)/.exec(output)?.[1];
}

/** Returns true if the version has all fixes. An unknown version has none. */
export const isIsolated = (version: string | undefined) =>
  version !== undefined && isAtLeast(version, minimumVersion);

/** Returns true if the version reads here-documents. An unknown version counts as new. */
export const readsHeredocs = (version: string | undefined) =>
  version === undefined || isAtLeast(version, heredocsSince);

/** Compares by semantic versioning: a pre-release comes before its release. */
function isAtLeast(version: string, wanted: string): boolean {
  const [numbers = '', ...preRelease] = version.split('-');
  const parts = numbers.split('.').map(Number);
  for (const [index, least] of wanted.split('.').map(Number).entries()) {
    const part = parts[index] ?? 0;
    if (part !== least) return part > least;
  }
  return preRelease.length === 0;
}
