import { existsSync } from 'node:fs';
import { output, which } from './commands.mjs';

/**
 * The programs Slipway is run with on one machine, and the packages that bring them.
 * `anyOf`: one of these is enough. `service`: what the Debian package would start at boot.
 */
const parts = [
  {
    anyOf: ['redis-server'],
    apt: 'redis-server',
    dnf: 'valkey-compat-redis',
    apk: 'redis',
    service: 'redis-server',
  },
  {
    anyOf: ['docker-registry'],
    apt: 'docker-registry',
    dnf: 'docker-distribution',
    apk: 'docker-registry',
    service: 'docker-registry',
  },
  { anyOf: ['buildah'], apt: 'buildah', dnf: 'buildah', apk: 'buildah' },
  { anyOf: ['runc', 'crun'], apt: 'runc', dnf: 'runc', apk: 'runc' },
  { anyOf: ['skopeo'], apt: 'skopeo', dnf: 'skopeo', apk: 'skopeo' },
  { anyOf: ['curl'], apt: 'curl', dnf: 'curl', apk: 'curl' },
  { anyOf: ['openssl'], apt: 'openssl', dnf: 'openssl', apk: 'openssl' },
  { anyOf: ['git'], apt: 'git', dnf: 'git', apk: 'git' },
];
const staticBusybox = { anyOf: ['busybox'], apt: 'busybox-static', dnf: 'busybox', apk: 'busybox-static' };

/** Further programs of the tests: to list processes, serve git over ssh, pack archives, complete command lines, make networks, move clocks, to check rules and dashboards. */
const testTools = [
  { anyOf: ['ps'], apt: 'procps', dnf: 'procps-ng', apk: 'procps' },
  { anyOf: ['python3'], apt: 'python3', dnf: 'python3', apk: 'python3' },
  { anyOf: ['bsdtar'], apt: 'libarchive-tools', dnf: 'bsdtar', apk: 'libarchive-tools' },
  { anyOf: ['php'], apt: 'php-cli', dnf: 'php-cli', apk: 'php' },
  { anyOf: ['luacheck'], apt: 'lua-check', dnf: 'luacheck', apk: 'luacheck' },
  { anyOf: ['jq'], apt: 'jq', dnf: 'jq', apk: 'jq' },
  { anyOf: ['zsh'], apt: 'zsh', dnf: 'zsh', apk: 'zsh' },
  { anyOf: ['ip'], apt: 'iproute2', dnf: 'iproute', apk: 'iproute2' },
  { anyOf: ['promtool'], apt: 'prometheus', dnf: 'prometheus', apk: 'prometheus', service: 'prometheus' },
  { anyOf: ['ssh'], apt: 'openssh-client', dnf: 'openssh-clients', apk: 'openssh-client' },
  { anyOf: ['sshd'], apt: 'openssh-server', dnf: 'openssh-server', apk: 'openssh-server', service: 'ssh' },
  { anyOf: ['faketime'], apt: 'faketime', dnf: 'libfaketime', apk: 'libfaketime' },
  { anyOf: ['unshare'], apt: 'util-linux', dnf: 'util-linux', apk: 'util-linux' },
  { anyOf: ['chromium'], apt: 'chromium', dnf: 'chromium', apk: 'chromium' },
];

/** Further parts of `npm run test:system` and `npm run test:kubernetes`: engines of containers, the parts of a rootless BuildKit, and the runtime of openapi-generator. */
const dockerParts = [
  { anyOf: ['dockerd'], apt: 'docker.io', dnf: 'moby-engine', apk: 'docker-engine', service: 'docker' },
  { anyOf: ['docker'], apt: 'docker.io', dnf: 'docker-cli', apk: 'docker-cli' },
  { anyOf: ['containerd'], apt: 'containerd', dnf: 'containerd', apk: 'containerd' },
  { anyOf: ['iptables'], apt: 'iptables', dnf: 'iptables-nft', apk: 'iptables' },
  { anyOf: ['rootlesskit'], apt: 'rootlesskit', dnf: 'rootlesskit', apk: 'rootlesskit' },
  { anyOf: ['fuse-overlayfs'], apt: 'fuse-overlayfs', dnf: 'fuse-overlayfs', apk: 'fuse-overlayfs' },
  { anyOf: ['newuidmap'], apt: 'uidmap', dnf: 'shadow-utils', apk: 'shadow-uidmap' },
  { anyOf: ['setcap'], apt: 'libcap2-bin', dnf: 'libcap', apk: 'libcap-setcap' },
  {
    anyOf: ['java'],
    apt: 'default-jre-headless',
    dnf: 'java-21-openjdk-headless',
    apk: 'openjdk21-jre-headless',
  },
];

const pythonRequests = {
  anyOf: ['the requests package of python3'],
  apt: 'python3-requests',
  dnf: 'python3-requests',
  apk: 'py3-requests',
};

const pythonVenv = {
  anyOf: ['the venv package of python3'],
  apt: 'python3-venv',
  dnf: 'python3',
  apk: 'python3',
};

/** The parts that are not on this machine. */
export async function missingParts({ engines }) {
  const buildkit = await usableBuildkit();
  const tested = engines !== 'one';
  const docker = ['docker', 'kubernetes'].includes(engines) ? dockerParts : [];
  const wantedParts = tested ? [...parts, ...testTools, ...docker] : parts;
  const missing = wantedParts.filter((part) => {
    if (part.apt === 'buildah' && engines === 'one' && buildkit) return false;
    // buildkitd runs its steps with runc; buildah is content with either.
    const wanted = part.apt === 'runc' && tested ? ['runc'] : part.anyOf;
    return !wanted.some((tool) => which(tool) !== undefined);
  });
  // Images are made from it with nothing beside it, so a busybox that needs shared libraries will not do.
  if (!(await hasStaticBusybox())) missing.push(staticBusybox);
  if (tested && (await pythonWith('requests')) === undefined) missing.push(pythonRequests);
  if (tested && (await pythonWith('ensurepip')) === undefined) missing.push(pythonVenv);
  return missing;
}

/** A Python that has a module, or undefined. The system's too: it is the one that the distribution's packages are for. */
export async function pythonWith(module) {
  for (const python of ['python3', '/usr/bin/python3'])
    if ((await output(python, ['-c', `import ${module}`])) !== undefined) return python;
  return undefined;
}

/** Returns whether BuildKit is usable without an installation: a daemon answers, or root can start one. */
async function usableBuildkit() {
  if (which('buildctl') === undefined) return false;
  if (process.getuid?.() === 0 && which('buildkitd') !== undefined && which('runc') !== undefined)
    return true;
  return (await output('buildctl', ['debug', 'workers'])) !== undefined;
}

async function hasStaticBusybox() {
  const busybox = which('busybox');
  if (busybox === undefined || !existsSync(busybox)) return false;
  // ldd fails on what has no shared libraries.
  return (await output('ldd', [busybox])) === undefined;
}
