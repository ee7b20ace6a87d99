import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startRegistry, temporaryFolder, unmountIn } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build, buildRequest, busyboxBase, failure } from '../../testing/build-request.js';
import { isTested, type OpenedEngine, openEngine, toolEnv } from '../../testing/engines.js';
import { processesWith } from '../../testing/processes.js';
import { inRegistry } from '../../testing/registry-content.js';

const marker = ['sleep', `87654${process.pid}`];

describe.runIf(isTested('buildkit'))('BuildKit', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let registry: Awaited<ReturnType<typeof startRegistry>>;
  let opened: OpenedEngine;
  beforeAll(async () => {
    folder = await temporaryFolder();
    registry = await startRegistry({ dir: join(folder.path, 'registry') });
    opened = await openEngine({
      name: 'buildkit',
      dir: join(folder.path, 'engine'),
      insecureRegistries: [registry.host],
    });
  });
  afterAll(async () => {
    await opened?.close();
    await registry?.stop();
    // A daemon that is killed leaves its containers and mounts.
    for (const pid of processesWith(...marker)) process.kill(Number(pid), 'SIGKILL');
    unmountIn(folder.path);
    await folder.remove();
  });
  const request = (dockerfile: string, more = {}) =>
    buildRequest({
      folder: folder.path,
      registry: registry.host,
      files: { Dockerfile: dockerfile },
      ...more,
    });

  test('builds for a platform that is not its own, where no step must run', async () => {
    const what = await request('FROM scratch\nCOPY busybox /\n', { platforms: ['linux/s390x'] });
    const { digest } = await build(opened.engine, what);
    const pushed = await inRegistry(what.image);
    expect(pushed.digest).toBe(digest);
    expect(pushed.config?.architecture).toBe('s390x');
    // A folder of credentials that is missing is not made.
    expect(existsSync(join(folder.path, 'engine/no-credentials'))).toBe(false);
  });

  test('builds for several platforms at once, and says the digest of the index', async () => {
    const platforms = ['linux/amd64', 'linux/arm64'];
    const what = await request('FROM scratch\nCOPY busybox /\n', { platforms });
    const { digest } = await build(opened.engine, what);
    const pushed = await inRegistry(what.image);
    expect(pushed.digest).toBe(digest);
    const built = pushed.manifest.manifests?.map(({ platform }) => `${platform.os}/${platform.architecture}`);
    expect(built).toEqual(platforms);
  });

  test('a build that fails while its daemon ends is the fleet’s fault, whatever BuildKit said', async () => {
    const own = await openEngine({
      name: 'buildkit',
      dir: join(folder.path, 'ending'),
      insecureRegistries: [registry.host],
    });
    const [failed, ended] = [join(folder.path, 'failed'), join(folder.path, 'ended')];
    const { PATH = '', ...env } = toolEnv();
    // The real buildctl, which reports the end of a build only when the daemon has ended too.
    const wrapper = `#!/bin/sh
PATH=${PATH} buildctl "$@"
code=$?
case " $* " in *" build "*) touch ${failed}; until [ -e ${ended} ]; do sleep 0.05; done;; esac
exit $code
`;
    const tools = join(folder.path, 'wrapped');
    await mkdir(tools);
    await writeFile(join(tools, 'buildctl'), wrapper, { mode: 0o755 });
    const engine = await own.reopen({ childEnv: { ...env, PATH: `${tools}:${PATH}` } });
    const running = failure(engine, await request(`${busyboxBase}RUN busybox false\n`));
    await expect.poll(() => existsSync(failed)).toBe(true);
    await own.kill();
    await writeFile(ended, '');
    expect(await running).toMatchObject({
      code: 'builder_lost',
      message: expect.stringContaining('exit code: 1'),
    });
  });

  // The last one: it kills the daemon.
  test('a daemon that dies is the fleet’s fault, during a build and after it', async () => {
    await opened.engine.check();
    const running = failure(opened.engine, await request(`${busyboxBase}RUN busybox ${marker.join(' ')}\n`));
    await expect.poll(() => processesWith(...marker)).not.toEqual([]);
    await opened.kill();
    expect(await running).toMatchObject({ code: 'builder_lost' });
    await expect(opened.engine.check()).rejects.toMatchObject({ code: 'engine_unreachable' });
    const next = await failure(opened.engine, await request('FROM scratch\nCOPY busybox /\n'));
    expect(next).toMatchObject({ code: 'engine_unreachable' });
  });
});
