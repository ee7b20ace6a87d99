import { normalPlatform } from '@slipway/shared/platforms';

const archOfNode: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm/v7',
  ia32: '386',
};

/** The platform of this machine, as images name it. */
export const ownPlatform = `linux/${archOfNode[process.arch] ?? process.arch}`;

/** The platforms that are not this machine's own. */
export function foreignPlatforms(platforms: readonly string[]): string[] {
  return platforms.filter((platform) => normalPlatform(platform) !== ownPlatform);
}
