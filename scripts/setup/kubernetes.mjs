import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { root, run, which } from './commands.mjs';
import { SetupError, say, step } from './output.mjs';

/** The programs of a cluster have a folder of their own: a kubectl of the person who works here stays the first on PATH. */
const bin = join(root, '.cache', 'kubernetes', 'bin');
const crds = join(root, '.cache', 'kubernetes', 'crds');
const ownModules = join(root, 'packages', 'local', 'src', 'kubernetes', 'programs');

const strip = '-s -w';
const keda = 'github.com/kedacore/keda/v2@v2.21.0';
const kubernetes = '1.34.4';
const [major, minor] = kubernetes.split('.');
const versionFlags = Object.entries({ gitVersion: `v${kubernetes}`, gitMajor: major, gitMinor: minor })
  .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
  .join(' ');

/**
 * The programs of a cluster, in the order in which tests can use them. `programs`: name → Go package.
 * `own`: a module of this checkout, whose go.mod has the versions. `module`: a published module, built in its own folder.
 */
const tools = [
  {
    own: 'kubernetes',
    ldflags: `${strip} ${versionFlags}`,
    programs: {
      etcd: 'go.etcd.io/etcd/server/v3',
      ...Object.fromEntries(
        [
          ...['kube-apiserver', 'kubectl', 'kubelet', 'kube-controller-manager', 'kube-scheduler'],
          ...['kube-proxy'],
        ].map((name) => [name, `k8s.io/kubernetes/cmd/${name}`]),
      ),
    },
  },
  { own: 'coredns', ldflags: strip, programs: { coredns: '.' } },
  {
    // Networks of pods.
    module: 'github.com/containernetworking/plugins@v1.9.1',
    ldflags: strip,
    programs: {
      bridge: './plugins/main/bridge',
      loopback: './plugins/main/loopback',
      'host-local': './plugins/ipam/host-local',
      portmap: './plugins/meta/portmap',
    },
  },
  {
    // Scales workloads by a metric, from zero too.
    module: keda,
    ldflags: `${strip} -X github.com/kedacore/keda/v2/version.Version=2.21.0`,
    programs: { 'keda-operator': './cmd/operator', 'keda-adapter': './cmd/adapter' },
  },
];

/**
 * Definitions of objects that the chart makes and Kubernetes does not have. They come from the modules of the projects, and are never
 * committed.
 */
const definitions = [
  {
    module: keda,
    folder: 'config/crd/bases',
    files: ['keda.sh_scaledobjects.yaml', 'keda.sh_triggerauthentications.yaml'],
  },
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    folder: 'example/prometheus-operator-crd',
    files: ['podmonitors', 'prometheusrules', 'servicemonitors'].map(
      (name) => `monitoring.coreos.com_${name}.yaml`,
    ),
  },
  {
    module: 'sigs.k8s.io/gateway-api@v1.4.0',
    folder: 'config/crd/standard',
    files: ['gateway.networking.k8s.io_httproutes.yaml'],
  },
];

/** Builds each program of a cluster that is missing, or whose version changed. The first time takes a quarter of an hour. */
export async function buildKubernetes() {
  for (const tool of tools)
    for (const [name, path] of Object.entries(tool.programs)) await buildProgram({ ...tool, name, path });
  for (const definition of definitions) await fetchDefinitions(definition);
  await renderKeda();
}

/** Writes the objects that install KEDA, without its webhooks, into `.cache/kubernetes/keda.yaml`. */
async function renderKeda() {
  const target = join(root, '.cache', 'kubernetes', 'keda.yaml');
  const stamp = join(root, '.cache', 'setup', 'kubernetes-keda.yaml');
  if (existsSync(stamp) && existsSync(target) && readFileSync(stamp, 'utf8') === keda) return;
  const folder = join(await folderOf({ module: keda }), 'config', 'minimal');
  writeFileSync(target, await run(join(bin, 'kubectl'), ['kustomize', folder]));
  writeFileSync(stamp, keda);
}

/** Copies files of a module into `.cache/kubernetes/crds`, below the name of their version. */
async function fetchDefinitions({ module, folder, files }) {
  const version = module.slice(module.lastIndexOf('@') + 1);
  const targets = files.map((file) => [file, join(crds, `${version}_${file}`)]);
  if (targets.every(([, target]) => existsSync(target))) {
    say(`${files.join(', ')}: here`);
    return;
  }
  if (which('go') === undefined) throw new SetupError(`${module}: there is no Go toolchain to fetch it with`);
  await step(`${files.join(', ')}: from ${module}`, async () => {
    const source = join(await folderOf({ module }), folder);
    mkdirSync(crds, { recursive: true });
    for (const name of readdirSync(crds))
      if (files.some((file) => name.endsWith(`_${file}`))) rmSync(join(crds, name));
    for (const [file, target] of targets) {
      const unfinished = join(crds, `.unfinished-${process.pid}`);
      copyFileSync(join(source, file), unfinished);
      renameSync(unfinished, target);
    }
  });
}

async function buildProgram({ own, module, ldflags, name, path }) {
  const stamp = join(root, '.cache', 'setup', `kubernetes-${name}`);
  const wanted = versionOf({ own, module, ldflags, path });
  if (existsSync(stamp) && existsSync(join(bin, name)) && readFileSync(stamp, 'utf8') === wanted) {
    say(`${name}: here`);
    return;
  }
  if (which('go') === undefined) throw new SetupError(`${name}: there is no Go toolchain to build it with`);
  await step(`${name}: go build of ${path}${module ? ` in ${module}` : ''}`, async () => {
    mkdirSync(bin, { recursive: true });
    const unfinished = mkdtempSync(join(bin, '.unfinished-'));
    try {
      await run(
        'go',
        ['build', '-mod=readonly', '-trimpath', `-ldflags=${ldflags}`, '-o', join(unfinished, name), path],
        { cwd: await folderOf({ own, module }), env: { CGO_ENABLED: '0', GOWORK: 'off' } },
      );
      renameSync(join(unfinished, name), join(bin, name));
    } finally {
      rmSync(unfinished, { recursive: true });
    }
    mkdirSync(join(stamp, '..'), { recursive: true });
    writeFileSync(stamp, wanted);
  });
}

/** Returns text that changes when the program has to be built again. */
function versionOf({ own, module, ldflags, path }) {
  const hash = createHash('sha256').update(JSON.stringify([module, ldflags, path]));
  if (own !== undefined)
    for (const file of readdirSync(join(ownModules, own)).sort())
      hash.update(readFileSync(join(ownModules, own, file)));
  return hash.digest('hex');
}

async function folderOf({ own, module }) {
  if (own !== undefined) return join(ownModules, own);
  return JSON.parse(await run('go', ['mod', 'download', '-json', module])).Dir;
}
