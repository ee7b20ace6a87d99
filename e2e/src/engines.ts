import { findTool } from '@slipway/local';
import type { EngineName } from '@slipway/shared/contracts';

const tools: Record<EngineName, readonly string[]> = {
  buildkit: ['buildkitd', 'buildctl', 'runc'],
  buildah: ['buildah'],
};

/** Returns true when a suite that needs the engine runs: where the engine is installed, and always in CI, which has all engines. */
export function canUse(engine: EngineName): boolean {
  return Boolean(process.env.CI) || tools[engine].every((tool) => findTool(tool) !== undefined);
}
