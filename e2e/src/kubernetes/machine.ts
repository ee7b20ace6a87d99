import { execFile } from 'node:child_process';
import { mkdir, readdir, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The addresses of the cluster in its network namespace. */
export const addresses = {
  node: '10.10.0.1',
  podRange: '10.244.0.0/16',
  /** As in packages/local/src/kubernetes/api-server.ts. */
  serviceRange: '10.96.0.0/16',
  clusterDomain: 'cluster.local',
};

export interface Machine {
  /** The folder of the cluster's files. */
  readonly folder: string;
  /** The control group of all pods. */
  readonly cgroup: string;
  /** The folder of the network configuration, for the container runtime. */
  readonly networkFolder: string;
  /** The archives of images that e2e/src/kubernetes/prepare.ts wrote. */
  readonly imagesFolder: string;
}

const run = promisify(execFile);

/**
 * Prepares the namespaces of scripts/test/system.mjs for a node: an interface with the address of the node, a name server, control
 * groups, and folders that the parts write to by fixed paths. All of it ends with the namespaces.
 */
export async function prepareMachine(): Promise<Machine> {
  const { SLIPWAY_SYSTEM_FOLDER: base, SLIPWAY_SYSTEM_CGROUP: cgroup } = process.env;
  if (base === undefined || cgroup === undefined) throw new Error('run this by `npm run test:kubernetes`');
  const folder = join(base, 'cluster');
  await mkdir(folder);
  await coverFolders(folder);
  await coverKernelSettings(folder);
  await createControlGroups(cgroup);
  const networkFolder = join(folder, 'network');
  await createNetwork(networkFolder);
  return { folder, cgroup, networkFolder, imagesFolder: join(base, 'images') };
}

/** The parts write to these folders of the machine, whatever their settings say. */
async function coverFolders(folder: string): Promise<void> {
  const runtime = join(folder, 'containerd');
  await mkdir(runtime);
  // In memory, because images have tens of thousands of files, which a disk writes and removes in minutes.
  await run('mount', ['-t', 'tmpfs', 'tmpfs', runtime]);
  const [upper, work] = [join(folder, 'var-lib'), join(folder, 'var-lib-work')];
  for (const path of [upper, work]) await mkdir(path);
  const layers = `lowerdir=/var/lib,upperdir=${upper},workdir=${work}`;
  await run('mount', ['-t', 'overlay', '-o', layers, 'overlay', '/var/lib']);
  await run('mount', ['-t', 'tmpfs', 'tmpfs', '/var/log']);
  const names = join(folder, 'resolv.conf');
  await writeFile(names, `nameserver ${addresses.node}\n`);
  await run('mount', ['--bind', names, await realpath('/etc/resolv.conf')]);
}

/** Settings of the whole machine that a kubelet changes if they differ. It finds its values in these files. */
const kernelSettings = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
};

async function coverKernelSettings(folder: string): Promise<void> {
  for (const [name, value] of Object.entries(kernelSettings)) {
    const file = join(folder, `sysctl-${name.replaceAll('/', '-')}`);
    await writeFile(file, `${value}\n`);
    await run('mount', ['--bind', file, join('/proc/sys', name)]);
  }
}

/** With cgroup v1 each controller has a tree of its own. scripts/test/system.mjs removes the groups. */
async function createControlGroups(cgroup: string): Promise<void> {
  const top = '/sys/fs/cgroup';
  const entries = await readdir(top, { withFileTypes: true });
  const isUnified = entries.some(({ name }) => name === 'cgroup.controllers');
  const trees = isUnified ? [''] : entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  for (const tree of trees) await mkdir(join(top, tree, cgroup), { recursive: true });
}

async function createNetwork(folder: string): Promise<void> {
  const { node, podRange, serviceRange } = addresses;
  const ip = (line: string) => run('ip', line.split(' '));
  await ip('link add node0 type veth peer name node1');
  await ip(`address add ${node}/24 dev node0`);
  for (const name of ['node0', 'node1']) await ip(`link set ${name} up`);
  // The rules of Services apply to connections of the node only after it finds a route.
  await ip(`route add ${serviceRange} dev node0`);
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
  // Answers between pods pass the rules of Services too, although both pods are on one bridge.
  await writeFile('/proc/sys/net/bridge/bridge-nf-call-iptables', '1');
  await mkdir(folder);
  const ipam = {
    type: 'host-local',
    dataDir: join(folder, 'addresses'),
    ranges: [[{ subnet: podRange }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const plugins = [
    { type: 'bridge', bridge: 'pods', isGateway: true, hairpinMode: true, ipam },
    { type: 'portmap', capabilities: { portMappings: true } },
  ];
  const network = { cniVersion: '1.0.0', name: 'pods', plugins };
  await writeFile(join(folder, '10-pods.conflist'), JSON.stringify(network));
}
