import { createKubectl, type Kubectl } from '@slipway/local';
import { inject } from 'vitest';
import { createRuntime, type Runtime } from './containerd.js';
import './setup.js';

export interface Cluster {
  readonly kubeconfig: string;
  readonly kubectl: Kubectl;
  /** The container runtime of the node. */
  readonly runtime: Runtime;
  /** A folder of the node for volumes of pods. */
  readonly volumesFolder: string;
  /** Creates objects, or changes them to what they are here. */
  apply(objects: readonly object[]): Promise<void>;
  /** Returns each Deployment, StatefulSet and pod of a namespace that is not ready, with its state. Leaves out pods that have succeeded or that end. */
  unready(namespace: string): Promise<string[]>;
}

/** A pod, a Deployment or a StatefulSet. */
interface Workload {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly generation?: number;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly replicas?: number };
  readonly status: {
    readonly phase?: string;
    readonly observedGeneration?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly state: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
}

/** Returns the cluster of the suite. */
export function useCluster(): Cluster {
  const { kubeconfig, runtime, volumesFolder } = inject('cluster');
  const kubectl = createKubectl(kubeconfig);
  return {
    kubeconfig,
    kubectl,
    volumesFolder,
    runtime: createRuntime(runtime),
    async apply(objects) {
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      await kubectl(['apply', '--server-side', '--validate=strict', '--filename', '-'], { input: list });
    },
    async unready(namespace) {
      const kinds = 'deployments,statefulsets,pods';
      const { items } = JSON.parse(
        await kubectl(['--namespace', namespace, 'get', kinds, '--output', 'json']),
      ) as { readonly items: readonly Workload[] };
      return items.flatMap((item) => {
        const { metadata, kind } = item;
        const state = kind === 'Pod' ? stateOfPod(item) : stateOfReplicas(item);
        return state === undefined ? [] : `${kind} ${metadata.name} ${state}`;
      });
    },
  };
}

function stateOfReplicas({ metadata, spec, status }: Workload): string | undefined {
  const { replicas = 1 } = spec;
  const { readyReplicas = 0, updatedReplicas = 0, observedGeneration } = status;
  if (observedGeneration !== metadata.generation) return 'changed';
  if (readyReplicas === replicas && updatedReplicas === replicas) return undefined;
  return `${readyReplicas} ready, ${updatedReplicas} updated of ${replicas}`;
}

function stateOfPod({ metadata, status }: Workload): string | undefined {
  const { phase = '', conditions = [], containerStatuses = [] } = status;
  const ready = conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True');
  if (ready || phase === 'Succeeded' || metadata.deletionTimestamp !== undefined) return undefined;
  const waiting = containerStatuses.flatMap(({ state }) => state.waiting ?? []);
  return [phase, ...waiting.map(({ reason = '', message = '' }) => `${reason} ${message}`)].join(' ').trim();
}
