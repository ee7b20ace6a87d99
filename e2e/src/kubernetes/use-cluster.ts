import { createKubectl, type Kubectl } from '@slipway/local';
import { inject } from 'vitest';
import { createRuntime, type Runtime } from './containerd.js';
import './setup.js';

export interface Cluster {
  readonly kubeconfig: string;
  readonly kubectl: Kubectl;
  /** The container runtime of the node. */
  readonly runtime: Runtime;
  /** Creates objects, or changes them to what they are here. */
  apply(objects: readonly object[]): Promise<void>;
  /** Returns each pod of a namespace that is neither ready nor done, with its state. */
  unready(namespace: string): Promise<string[]>;
}

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly state: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
}

/** Returns the cluster of the suite. */
export function useCluster(): Cluster {
  const { kubeconfig, runtime } = inject('cluster');
  const kubectl = createKubectl(kubeconfig);
  return {
    kubeconfig,
    kubectl,
    runtime: createRuntime(runtime),
    async apply(objects) {
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      await kubectl(['apply', '--server-side', '--validate=strict', '--filename', '-'], { input: list });
    },
    async unready(namespace) {
      const { items } = JSON.parse(
        await kubectl(['--namespace', namespace, 'get', 'pods', '--output', 'json']),
      ) as { readonly items: readonly Pod[] };
      return items.flatMap((pod) => (isReady(pod) ? [] : `${pod.metadata.name} ${stateOf(pod)}`));
    },
  };
}

function isReady({ status }: Pod): boolean {
  const ready = status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
  return ready === true || status.phase === 'Succeeded';
}

function stateOf({ status }: Pod): string {
  const waiting = status.containerStatuses?.flatMap(({ state }) => state.waiting ?? []) ?? [];
  return [status.phase, ...waiting.map(({ reason, message }) => `${reason} ${message ?? ''}`)]
    .join(' ')
    .trim();
}
