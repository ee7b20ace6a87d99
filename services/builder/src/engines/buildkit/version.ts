/** The oldest BuildKit that is supported. */
export const minimumVersion = [0, 31, 1] as const;

/**
 * Returns true if `buildctl --version` reports a recent enough version. Returns undefined if it reports none, as binaries built
 * with the plain Go toolchain do.
 */
export function isRecentEnough(versionOutput: string): boolean | undefined {
  const match = /\bv(\d+)\.(\d+)\.(\d+)/.exec(versionOutput);
  if (!match || versionOutput.includes('v0.0.0+unknown')) return undefined;
  const version = match.slice(1).map(Number);
  for (const [index, wanted] of minimumVersion.entries()) {
    const part = version[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
