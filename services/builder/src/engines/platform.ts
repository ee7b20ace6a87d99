const archOfNode: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
};

/** The platform of this machine, as images name it. */
export const ownPlatform = `linux/${archOfNode[process.arch] ?? process.arch}`;

/** The platforms that are not this machine's own. */
export function foreignPlatforms(platforms: readonly string[]): string[] {
  // v8 is the only variant of arm64 there is, and is named or not.
  return platforms.filter(
    (platform) => platform.replace(/^linux\/arm64\/v8$/, 'linux/arm64') !== ownPlatform,
  );
}
