import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Kubectl, type ProcessHandle, startKubernetesApi } from '@slipway/local';
import { createRuntime, type RuntimeAddress, startContainerd } from './containerd.js';
import { startControllerManager, startScheduler } from './control-plane.js';
import { measured } from './figures.js';
import { addresses, prepareMachine } from './machine.js';
import { nodeName, startKubelet, startNameServer, startProxy } from './node.js';

/** The place of the cluster that e2e/src/kubernetes/setup.ts started. */
export interface ClusterAddress {
  readonly kubeconfig: string;
  readonly runtime: RuntimeAddress;
  /** A folder for volumes of pods. */
  readonly volumesFolder: string;
}

/** A whole Kubernetes cluster with one node. */
interface StartedCluster extends ClusterAddress {
  /** Stops the parts. What pods ran ends with the namespaces of the suite. */
  stop(): Promise<void>;
}

/**
 * Starts a cluster in the namespaces of scripts/test/system.mjs, which have room for one, and imports the images that
 * e2e/src/kubernetes/prepare.ts wrote. Resolves when the node is ready for pods.
 */
export async function startCluster(): Promise<StartedCluster> {
  const parts: { stop(): Promise<void> }[] = [];
  const start = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const part = await starting;
    parts.push(part);
    return part;
  };
  const stop = async () => {
    for (let part = parts.pop(); part; part = parts.pop()) await part.stop();
  };
  try {
    const machine = await prepareMachine();
    const dir = join(machine.folder, 'api');
    await mkdir(dir);
    const { address: runtime } = await start(startContainerd(machine));
    const imported = measured('images imported', importAll(runtime, machine.imagesFolder));
    // A failure of the import is reported below.
    imported.catch(() => undefined);
    const api = await start(
      measured('API server ready', startKubernetesApi({ dir, nodeAddress: addresses.node })),
    );
    const options = { machine, api };
    const others: Promise<ProcessHandle>[] = [
      start(measured('controller manager ready', startControllerManager(options))),
      start(measured('scheduler ready', startScheduler(options))),
      start(measured('name server ready', startNameServer(options))),
      start(measured('kubelet ready', startKubelet({ ...options, socket: runtime.socket }))),
    ];
    for (const { status } of await Promise.allSettled(others))
      if (status === 'rejected') await Promise.all(others);
    await start(measured('proxy ready', startProxy(options)));
    await measured('node ready', nodeReady(api.kubectl));
    await imported;
    return { kubeconfig: api.kubeconfig, runtime, volumesFolder: join(machine.folder, 'volumes'), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function importAll(address: RuntimeAddress, folder: string): Promise<void> {
  const runtime = createRuntime(address);
  const archives = (await readdir(folder)).filter((name) => name.endsWith('.tar'));
  for (const archive of archives) await runtime.importImages(join(folder, archive));
}

async function nodeReady(kubectl: Kubectl): Promise<void> {
  // `wait` refuses to wait for a node that is not there yet.
  await kubectl(['wait', '--for=create', `node/${nodeName}`, '--timeout=60s']);
  await kubectl(['wait', '--for=condition=Ready', `node/${nodeName}`, '--timeout=120s']);
}
