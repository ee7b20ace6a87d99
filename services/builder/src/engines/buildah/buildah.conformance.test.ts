import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findTool, mountsIn, startRegistry, temporaryFolder, unmountIn } from '@slipway/local';
import { SecretBytes } from '@slipway/shared/sealing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { build, buildRequest, busyboxBase, failure, flush, output } from '../../testing/build-request.js';
import { isTested, type OpenedEngine, openEngine } from '../../testing/engines.js';
import { filesWith } from '../../testing/files-with.js';
import { pushOnbuildBase } from '../../testing/onbuild-base.js';
import { processesWith } from '../../testing/processes.js';
import { ownPlatform } from '../platform.js';
import { registryPolicy } from './config-files.js';
import { cgroupParentOf, ownedContainers } from './containers.js';

describe.runIf(isTested('buildah'))('buildah', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let opened: OpenedEngine;
  let containers: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    opened = await openEngine({ name: 'buildah', dir: join(folder.path, 'engine'), insecureRegistries: [] });
    containers = join(folder.path, 'engine/state/storage/overlay-containers');
  });
  afterAll(async () => {
    await opened?.close();
    unmountIn(folder.path);
    await folder.remove();
  });
  /** The builds whose working containers are there; each has several. */
  const buildsOfContainers = async () => {
    const owned = await ownedContainers(containers);
    return [...new Set(owned.map(({ build }) => build))].sort();
  };
  const request = (dockerfile: string, more = {}) =>
    buildRequest({
      folder: folder.path,
      registry: 'registry.invalid',
      files: { Dockerfile: dockerfile },
      push: false,
      ...more,
    });

  test('no container or mount is left, however a build ends', async () => {
    const marker = ['sleep', `76543${process.pid}`];
    await build(opened.engine, await request(`${busyboxBase}RUN echo fine\n`));
    await failure(opened.engine, await request(`${busyboxBase}RUN exit 1\n`));
    const stop = new AbortController();
    const what = await request(`${busyboxBase}RUN busybox ${marker.join(' ')}\n`);
    const running = build(opened.engine, what, stop.signal).catch((error) => error);
    onTestFinished(async () => {
      stop.abort();
      await running;
    });
    await expect.poll(() => processesWith(...marker)).not.toEqual([]);
    expect(await buildsOfContainers()).toEqual([what.id]);
    stop.abort(new Error('enough'));
    expect(await running).toEqual(new Error('enough'));
    expect(await buildsOfContainers()).toEqual([]);
    expect(await readFile('/proc/mounts', 'utf8')).not.toContain(
      `${folder.path}/engine/state/storage/overlay/`,
    );
  });

  test('the containers of a crashed process are removed at the next start, and no others', async () => {
    const state = join(folder.path, 'engine/state');
    const marker = ['sleep', `65432${process.pid}`];
    const leave = async (id: string) => {
      const what = await request(`${busyboxBase}RUN busybox ${marker.join(' ')}\n`);
      const args = [
        '--root',
        join(state, 'storage'),
        '--runroot',
        join(state, 'run'),
        'build',
        '--isolation=chroot',
      ];
      const options = [`--cgroup-parent=${id}`, '--', what.contextDir];
      const child = spawn(findTool('buildah') ?? '', [...args, ...options], {
        detached: true,
        stdio: 'ignore',
        // buildah leaves its temporary files here.
        env: { ...process.env, TMPDIR: what.scratchDir },
      });
      await expect.poll(() => processesWith(...marker)).not.toEqual([]);
      process.kill(-(child.pid ?? 0), 'SIGKILL');
      await once(child, 'exit');
      await expect.poll(() => processesWith(...marker)).toEqual([]);
    };
    await leave(cgroupParentOf(`${process.pid}-0123abcd-1`));
    await leave(cgroupParentOf(`${process.ppid}-0123abcd-1`));
    await leave('someone-elses');
    const mine = `${process.pid}-0123abcd-1`;
    const others = `${process.ppid}-0123abcd-1`;
    expect(await buildsOfContainers()).toEqual([mine, others].sort());
    await opened.reopen({});
    expect(await buildsOfContainers()).toEqual([others]);
  });

  test('nothing in its storage can be built upon by its id', async () => {
    const secret = await request(`${busyboxBase}RUN echo secret > /secret\n`);
    await build(opened.engine, secret);
    const id = (await readFile(join(secret.scratchDir, 'image'), 'utf8')).trim().replace('sha256:', '');
    for (const dockerfile of [
      `FROM ${id}\nRUN cat /secret\n`,
      `FROM scratch\nCOPY --from=${id} /secret /\n`,
    ]) {
      const found = await failure(opened.engine, await request(dockerfile));
      expect(found).toMatchObject({ code: 'base_image_invalid' });
    }
  });

  describe('with an image on the disk of the builder', () => {
    let image: string;
    beforeAll(async () => {
      const what = await request(`${busyboxBase}RUN echo disk > /of-the-builder\n`);
      await build(opened.engine, what);
      const id = (await readFile(join(what.scratchDir, 'image'), 'utf8')).trim();
      image = `docker-archive:${join(folder.path, 'image.tar')}`;
      expect(buildah(['push', id, `${image}:localhost/of-the-builder:1`])).toMatchObject({ status: 0 });
    });
    /** Runs the real buildah on the storage of the engine. */
    const buildah = (args: readonly string[]) => {
      const state = join(folder.path, 'engine/state');
      const storage = ['--root', join(state, 'storage'), '--runroot', join(state, 'run')];
      return spawnSync(findTool('buildah') ?? '', [...storage, ...args], { encoding: 'utf8' });
    };

    test('no build begins from it, copies or mounts it', async () => {
      for (const [dockerfile, buildArgs] of [
        [`FROM ${image}\nRUN cat /of-the-builder\n`, {}],
        ['ARG BASE\nFROM $BASE\nRUN cat /of-the-builder\n', { BASE: image }],
        [`FROM scratch\nCOPY --from=${image} /of-the-builder /\n`, {}],
        [`${busyboxBase}RUN --mount=from=${image},target=/x cat /x/of-the-builder\n`, {}],
      ] as const) {
        const found = await failure(opened.engine, await request(dockerfile, { buildArgs }));
        expect(found).toMatchObject({ code: 'base_image_invalid', log: [] });
      }
    });

    test('buildah refuses it by policy too, should it read a name that the check does not see', async () => {
      const { contextDir } = await request(`FROM ${image}\nRUN echo built\n`);
      const policy = join(folder.path, 'policy.json');
      await writeFile(policy, await registryPolicy({}));
      const options = ['build', '--isolation=chroot', '--pull=always'];
      expect(buildah([...options, contextDir])).toMatchObject({ status: 0 });
      const refused = buildah([...options, `--signature-policy=${policy}`, contextDir]);
      expect(refused.stderr).toContain('rejected by policy');
      expect(refused.status).not.toBe(0);
    });
  });

  test.each(['http_proxy', 'HTTPS_PROXY'])('%s is not that of an earlier build', async (name) => {
    for (const value of ['http://one', 'http://two']) {
      const what = await request(`${busyboxBase}RUN echo "by $${name}"${flush}\n`, {
        buildArgs: { [name]: value },
      });
      expect(output((await build(opened.engine, what)).log)).toContain(`by ${value}`);
    }
  });

  test('a trigger of a base image copies nothing from the disk of the builder', async () => {
    const registry = await startRegistry({ dir: join(folder.path, 'registry') });
    onTestFinished(() => registry.stop());
    const image = `${registry.host}/onbuild:1`;
    await pushOnbuildBase({ image, trigger: 'COPY --from=oci:/etc / /stolen' });
    const engine = await opened.reopen({ insecureRegistries: [registry.host] });
    const found = await failure(engine, await request(`FROM ${image}\nRUN true\n`));
    expect(found).toMatchObject({ code: 'base_image_invalid', log: [] });
  });

  test('other platforms are refused before anything is built', async () => {
    const what = await request('FROM scratch\nCOPY busybox /\n', { platforms: [ownPlatform, 'linux/s390x'] });
    expect(await failure(opened.engine, what)).toMatchObject({ code: 'platform_unsupported', log: [] });
    expect(existsSync(join(what.scratchDir, 'image'))).toBe(false);
  });

  test('a build that has secrets runs beside no other, for their steps could look into each other', async () => {
    const marker = ['sleep', `54327${process.pid}`];
    const look = await request(`${busyboxBase}RUN ls /dev/shm; echo looked${flush}\n`);
    const secret = `token-${randomBytes(16).toString('hex')}`;
    const secrets = new Map([['token', new SecretBytes(Buffer.from(secret))]]);
    const steps = `RUN --mount=type=secret,id=token busybox ${marker.join(' ')} || true\n`;
    const first = build(opened.engine, await request(busyboxBase + steps, { secrets }));
    await expect.poll(() => processesWith(...marker)).not.toEqual([]);
    const log: string[] = [];
    const run = { signal: new AbortController().signal, onLog: (line: string) => log.push(line) };
    const second = opened.engine.build(look, run);
    await expect.poll(() => log).toEqual([expect.stringContaining('waiting for other builds')]);
    // The steps of all builds of the machine see this folder.
    const held = filesWith(secret, '/dev/shm').map((path) => path.split('/')[3]);
    expect(held).toHaveLength(1);
    for (const pid of processesWith(...marker)) process.kill(Number(pid), 'SIGTERM');
    await first;
    await second;
    expect(output(log)).toContain('looked');
    expect(output(log).filter((line) => held.includes(line))).toEqual([]);
  });

  test.each(['sbom', 'provenance'])('it makes no attestation (%s)', async (kind) => {
    const attestations = { sbom: false, provenance: false, [kind]: true };
    const what = await request('FROM scratch\nCOPY busybox /\n', { attestations });
    expect(await failure(opened.engine, what)).toMatchObject({ code: 'attestation_unsupported', log: [] });
  });

  test('a time that is no number of seconds is the user’s failure', async () => {
    const buildArgs = { SOURCE_DATE_EPOCH: 'context' };
    const what = await request('FROM scratch\nCOPY busybox /\n', { buildArgs });
    expect(await failure(opened.engine, what)).toMatchObject({ code: 'build_failed', log: [] });
  });

  test('closing it lets go of the last mount', async () => {
    const own = await openEngine({
      name: 'buildah',
      dir: join(folder.path, 'closed'),
      insecureRegistries: [],
    });
    await build(own.engine, await request(`${busyboxBase}RUN echo fine\n`));
    await own.close();
    expect(mountsIn(join(folder.path, 'closed'))).toEqual([]);
  });

  test('check says so when buildah is not there', async () => {
    await opened.engine.check();
    const dir = join(folder.path, 'nowhere');
    await mkdir(dir);
    const { PATH } = process.env;
    process.env.PATH = dir;
    const broken = opened.reopen({}).finally(() => {
      process.env.PATH = PATH;
    });
    await expect(broken).rejects.toMatchObject({ code: 'engine_unreachable' });
  });
});
