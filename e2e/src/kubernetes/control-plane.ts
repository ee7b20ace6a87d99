import { mkdir } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { type KubernetesApi, type ProcessHandle, requireKubernetesTool, startProcess } from '@slipway/local';
import type { Machine } from './machine.js';

interface ControllerOptions {
  readonly machine: Machine;
  readonly api: KubernetesApi;
}

/** Starts the controllers that Kubernetes brings: of Deployments, EndpointSlices, autoscalers, evictions and so on. */
export function startControllerManager(options: ControllerOptions): Promise<ProcessHandle> {
  const { machine, api } = options;
  return startController({
    ...options,
    name: 'kube-controller-manager',
    port: 10257,
    args: [
      `--service-account-private-key-file=${api.serviceAccountKeyFile}`,
      `--root-ca-file=${api.caFile}`,
      `--flex-volume-plugin-dir=${join(machine.folder, 'kube-controller-manager', 'plugins')}`,
    ],
  });
}

/** Starts the scheduler, which binds pods to nodes. */
export function startScheduler(options: ControllerOptions): Promise<ProcessHandle> {
  return startController({ ...options, name: 'kube-scheduler', port: 10259, args: [] });
}

async function startController(
  options: ControllerOptions & { readonly name: string; readonly port: number; readonly args: string[] },
): Promise<ProcessHandle> {
  const { machine, api, name, port } = options;
  const folder = join(machine.folder, name);
  await mkdir(folder);
  return startProcess({
    name,
    command: requireKubernetesTool(name),
    args: [
      ...[`--kubeconfig=${api.kubeconfig}`, '--leader-elect=false', '--bind-address=127.0.0.1'],
      ...[`--secure-port=${port}`, `--cert-dir=${folder}`, ...options.args],
    ],
    logFile: join(folder, `${name}.log`),
    readyTimeoutMs: 60_000,
    ready: () => isHealthy(`https://127.0.0.1:${port}/healthz`),
  });
}

/** A controller signs its own certificate. */
function isHealthy(url: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const request = get(url, { rejectUnauthorized: false, timeout: 2_000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', reject).on('timeout', () => request.destroy(new Error('no answer within 2 s')));
  });
}
