interface EngineFacts {
  /** The name in texts for people. */
  readonly title: string;
  /** The engine keeps builds away from the machine and from other builds. Otherwise it builds only for the tenant `default`. */
  readonly isIsolated: boolean;
}

/** The engines that builders report, and their isolation. The key is the name on the wire and in records. */
export const engineFacts = {
  buildkit: { title: 'BuildKit', isIsolated: true },
  /** BuildKit with `--oci-worker-no-process-sandbox`: steps see and can end the processes of other builds. */
  'buildkit-no-sandbox': { title: 'BuildKit without a process sandbox', isIsolated: false },
  buildah: { title: 'buildah', isIsolated: false },
} as const satisfies Readonly<Record<string, EngineFacts>>;

export type ReportedEngine = keyof typeof engineFacts;

export const reportedEngines = Object.keys(engineFacts) as ReportedEngine[];

/** The build engines of Slipway's builder, by the names of the setting ENGINE. */
export const engineNames = ['buildkit', 'buildah'] as const satisfies readonly ReportedEngine[];

export type EngineName = (typeof engineNames)[number];

/** The reported engines that build only for the tenant `default`. */
export const sharedMachineEngines = reportedEngines.filter((name) => !engineFacts[name].isIsolated);
