/** The oldest BuildKit that is supported. */
export const minimumVersion = [0, 31, 1] as const;

/**
 * Returns true for a recent enough version of BuildKit, such as `v0.34.2`. Returns undefined if the daemon reports none, as binaries built
 * with the plain Go toolchain do.
 */
export function isRecentEnough(reported: string): boolean | undefined {
  const match = /^v(\d+)\.(\d+)\.(\d+)/.exec(reported);
  if (!match || reported.startsWith('v0.0.0+unknown')) return undefined;
  const version = match.slice(1).map(Number);
  for (const [index, wanted] of minimumVersion.entries()) {
    const part = version[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
