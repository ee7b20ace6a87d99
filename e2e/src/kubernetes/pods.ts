import type { Release } from './release.js';

/** The parts of Slipway that a release has pods of. */
export const components = ['api', 'worker', 'builder'] as const;
type Component = (typeof components)[number];

export interface Pod {
  readonly name: string;
  readonly uid: string;
  readonly address: string;
  readonly phase: string;
  /** The ids of its containers at the runtime, by name. */
  readonly containers: Readonly<Record<string, string>>;
}

interface PodObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly podIP?: string;
    readonly phase: string;
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly containerID?: string;
}

/** Returns the pods of a part, including pods that are terminating. */
export async function podsOf({ kubectl }: Release, component: Component): Promise<Pod[]> {
  const selector = `app.kubernetes.io/component=${component}`;
  const { items } = JSON.parse(await kubectl('get', 'pods', '--selector', selector, '--output', 'json')) as {
    readonly items: readonly PodObject[];
  };
  return items.map(({ metadata, status }) => ({
    name: metadata.name,
    uid: metadata.uid,
    address: status.podIP ?? '',
    phase: status.phase,
    containers: Object.fromEntries(
      [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map(
        ({ name, containerID = '' }) => [name, containerID.replace(/^containerd:\/\//, '')],
      ),
    ),
  }));
}
