import { type EngineName, findTool } from '@slipway/local';

const tools: Record<EngineName, readonly string[]> = {
  buildkit: ['buildkitd', 'buildctl', 'runc'],
  buildah: ['buildah'],
};

/** Whether a suite that needs the engine is to run: where it is installed, and always in CI, which has them all. */
export function canUse(engine: EngineName): boolean {
  return Boolean(process.env.CI) || tools[engine].every((tool) => findTool(tool) !== undefined);
}
