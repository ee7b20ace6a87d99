import { execFile } from 'node:child_process';
import { chmod, chown, cp, mkdir, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { addBusybox, addSharedLibraries, requireTool } from '../images/stand-ins.js';

/** An image that docker-compose.yml pulls, laid out as a folder from the programs of this machine. */
export interface StandIn {
  /** The repository of the image. docker-compose.yml names the tag. */
  readonly repository: string;
  /** Lines of a Dockerfile, as `docker import --change` takes them. */
  readonly changes: readonly string[];
  /** Writes the root file system into an empty folder. */
  layOut(rootfs: string): Promise<void>;
}

export const path = 'ENV PATH=/usr/local/bin:/usr/bin:/bin';

const redis: StandIn = {
  repository: 'redis',
  changes: [path, 'WORKDIR /data', 'CMD ["redis-server"]'],
  async layOut(rootfs) {
    await layBase(rootfs);
    for (const name of ['redis-server', 'redis-cli']) await addProgram({ rootfs, name });
    await ownedFolder(join(rootfs, 'data'), { uid: 999, mode: 0o755 });
  },
};

const registry: StandIn = {
  repository: 'registry',
  changes: [path, 'ENTRYPOINT ["docker-registry"]', 'CMD ["serve", "/etc/registry.yml"]'],
  async layOut(rootfs) {
    await layBase(rootfs);
    await addProgram({ rootfs, name: 'docker-registry' });
    await mkdir(join(rootfs, 'var/lib/registry'), { recursive: true });
    // JSON is YAML.
    const config = {
      version: 0.1,
      storage: { filesystem: { rootdirectory: '/var/lib/registry' } },
      http: { addr: ':5000' },
    };
    await writeFile(join(rootfs, 'etc/registry.yml'), JSON.stringify(config));
  },
};

/** A copy of BuildKit's rootless image: https://github.com/moby/buildkit/blob/v0.34.2/Dockerfile, target rootless. */
const buildkit: StandIn = {
  repository: 'moby/buildkit',
  changes: [
    path,
    'ENV HOME=/home/user USER=user XDG_RUNTIME_DIR=/run/user/1000 TMPDIR=/home/user/.local/tmp',
    'ENV BUILDKIT_HOST=unix:///run/user/1000/buildkit/buildkitd.sock',
    'USER 1000:1000',
    'ENTRYPOINT ["rootlesskit", "buildkitd"]',
  ],
  async layOut(rootfs) {
    await layBase(rootfs);
    const programs = ['buildkitd', 'buildctl', 'runc', 'rootlesskit', 'fuse-overlayfs'];
    for (const name of [...programs, 'newuidmap', 'newgidmap']) await addProgram({ rootfs, name });
    // A file capability replaces set-user-ID, which needs CAP_SYS_ADMIN in the bounding set.
    for (const [name, capability] of [
      ['newuidmap', 'cap_setuid'],
      ['newgidmap', 'cap_setgid'],
    ] as const) {
      const program = join(rootfs, 'usr/bin', name);
      await chmod(program, 0o755);
      await promisify(execFile)(requireTool('setcap'), [`${capability}+ep`, program]);
    }
    await writeFile(
      join(rootfs, 'etc/passwd'),
      'root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n',
    );
    await writeFile(join(rootfs, 'etc/group'), 'root:x:0:\nuser:x:1000:\n');
    for (const name of ['subuid', 'subgid'])
      await writeFile(join(rootfs, 'etc', name), 'user:100000:65536\n');
    for (const folder of [
      'run/user/1000',
      'run/user/1000/buildkit',
      'home/user',
      'home/user/.local',
      'home/user/.local/tmp',
      'home/user/.local/share',
      'home/user/.local/share/buildkit',
    ])
      await ownedFolder(join(rootfs, folder), { uid: 1000, mode: 0o700 });
  },
};

export const standIns: readonly StandIn[] = [redis, registry, buildkit];

export async function layBase(rootfs: string): Promise<void> {
  for (const folder of ['bin', 'usr/bin', 'etc', 'root', 'run/user', 'proc', 'sys', 'dev', 'tmp'])
    await mkdir(join(rootfs, folder), { recursive: true });
  // Not by mkdir, because the umask changes its mode.
  await chmod(join(rootfs, 'tmp'), 0o1777);
  await addBusybox(rootfs);
}

export async function addProgram({ rootfs, name }: { rootfs: string; name: string }): Promise<void> {
  const program = await realpath(requireTool(name));
  await cp(program, join(rootfs, 'usr/bin', name));
  await addSharedLibraries({ program, rootfs }).catch((error: Error & { stderr?: string }) => {
    // A static program has no shared libraries.
    if (!/not a dynamic executable/.test(error.stderr ?? '')) throw error;
  });
}

async function ownedFolder(folder: string, { uid, mode }: { uid: number; mode: number }): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chown(folder, uid, 1000);
  await chmod(folder, mode);
}
