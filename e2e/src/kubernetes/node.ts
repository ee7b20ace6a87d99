import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type KubernetesApi, type ProcessHandle, requireKubernetesTool, startProcess } from '@slipway/local';
import { addresses, type Machine } from './machine.js';

export const nodeName = 'node-1';

interface NodeOptions {
  readonly machine: Machine;
  readonly api: KubernetesApi;
  /** The socket of the container runtime. */
  readonly socket: string;
}

/** Starts a kubelet, which registers the node and runs its pods. */
export async function startKubelet({ machine, api, socket }: NodeOptions): Promise<ProcessHandle> {
  const folder = join(machine.folder, 'kubelet');
  await mkdir(join(folder, 'plugins'), { recursive: true });
  const config = join(folder, 'config.json');
  await writeFile(config, JSON.stringify(kubeletConfiguration({ folder, cgroup: machine.cgroup, socket })));
  return startProcess({
    name: 'kubelet',
    command: requireKubernetesTool('kubelet'),
    args: [
      ...[`--config=${config}`, `--kubeconfig=${api.kubeconfig}`, `--root-dir=${join(folder, 'root')}`],
      ...[`--hostname-override=${nodeName}`, `--node-ip=${addresses.node}`],
    ],
    logFile: join(folder, 'kubelet.log'),
    ready: () => answersOk('http://127.0.0.1:10248/healthz'),
    readyTimeoutMs: 120_000,
  });
}

function kubeletConfiguration(options: { folder: string; cgroup: string; socket: string }) {
  const { folder, cgroup, socket } = options;
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${socket}`,
    ...{ cgroupDriver: 'cgroupfs', cgroupRoot: cgroup, failCgroupV1: false, failSwapOn: false },
    // The network of the node has no one else on it.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    ...{ clusterDNS: [addresses.node], clusterDomain: addresses.clusterDomain, resolvConf: '' },
    ...{ podLogsDir: join(folder, 'logs'), volumePluginDir: join(folder, 'plugins') },
    // Images are imported once and must stay; a disk that others fill must not evict pods.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    oomScoreAdj: 0,
  };
}

/** Starts kube-proxy, which makes the addresses of Services real. */
export async function startProxy({ machine, api }: Omit<NodeOptions, 'socket'>): Promise<ProcessHandle> {
  const folder = join(machine.folder, 'kube-proxy');
  await mkdir(folder);
  const config = join(folder, 'config.json');
  await writeFile(
    config,
    JSON.stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'iptables',
      hostnameOverride: nodeName,
      clientConnection: { kubeconfig: api.kubeconfig },
      clusterCIDR: addresses.podRange,
      oomScoreAdj: 0,
      // These settings belong to the whole machine.
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    }),
  );
  return startProcess({
    name: 'kube-proxy',
    command: requireKubernetesTool('kube-proxy'),
    args: [`--config=${config}`],
    logFile: join(folder, 'kube-proxy.log'),
    ready: () => answersOk('http://127.0.0.1:10256/livez'),
  });
}

/** Starts the cluster's name server, on the address of the node. */
export async function startNameServer({ machine, api }: Omit<NodeOptions, 'socket'>): Promise<ProcessHandle> {
  const folder = join(machine.folder, 'coredns');
  await mkdir(folder);
  const config = join(folder, 'Corefile');
  const lines = [
    '.:53 {',
    `bind ${addresses.node}`,
    'errors',
    'ready 127.0.0.1:8181',
    `kubernetes ${addresses.clusterDomain} in-addr.arpa {`,
    `kubeconfig ${api.kubeconfig}`,
    'pods insecure',
    // Pods of a headless Service come and go.
    'ttl 1',
    '}',
    '}',
    '',
  ];
  await writeFile(config, lines.join('\n'));
  return startProcess({
    name: 'coredns',
    command: requireKubernetesTool('coredns'),
    args: ['-conf', config],
    cwd: folder,
    logFile: join(folder, 'coredns.log'),
    ready: () => answersOk('http://127.0.0.1:8181/ready'),
  });
}

async function answersOk(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
  await response.body?.cancel();
  return response.ok;
}
