interface EngineFacts {
  /** The name in texts for people. */
  readonly title: string;
  /** The engine keeps builds away from the machine and from other builds. Otherwise it builds only for the tenant `default`. */
  readonly isIsolated: boolean;
}

/** The build engines of Slipway's builder, and what the other processes know about them. The key is the name on the wire, in logs and in records. */
export const engineFacts = {
  buildkit: { title: 'BuildKit', isIsolated: true },
  buildah: { title: 'buildah', isIsolated: false },
} as const satisfies Readonly<Record<string, EngineFacts>>;

export type EngineName = keyof typeof engineFacts;

export const engineNames = Object.keys(engineFacts) as EngineName[];

/** The names of engines that build only for the tenant `default`. */
export const sharedMachineEngines = engineNames.filter((name) => !engineFacts[name].isIsolated);
