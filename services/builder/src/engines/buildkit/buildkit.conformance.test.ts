import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { startRegistry, temporaryFolder, unmountIn } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { build, buildRequest, busyboxBase, failure, output } from '../../testing/build-request.js';
import { isTested, type OpenedEngine, openEngine } from '../../testing/engines.js';
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

  test('thousands of patterns are taken, and more than BuildKit can send are refused', async () => {
    const ignoring = (patterns: number, length: number) =>
      buildRequest({
        folder: folder.path,
        registry: registry.host,
        files: {
          Dockerfile: `${busyboxBase}COPY . /context\nRUN busybox ls /context\n`,
          '.dockerignore': Array.from({ length: patterns }, (_unused, at) => `${at}`.padStart(length, 'x'))
            .concat('ignored', 'ä')
            .join('\n'),
          ignored: '',
          kept: '',
        },
      });
    const { log } = await build(opened.engine, await ignoring(8_000, 10));
    expect(output(log)).toContain('kept');
    expect(output(log)).not.toContain('ignored');
    const refused = await failure(opened.engine, await ignoring(8_000, 100));
    expect(refused).toMatchObject({ code: 'ignore_file_invalid' });
  });

  test('a Dockerfile that is too long to be quoted by an error fails with the error of its step', async () => {
    const comment = `# ${'x'.repeat(1_000)}\n`.repeat(200);
    const failed = await failure(
      opened.engine,
      await request(`${busyboxBase}${comment}RUN busybox sh -c "exit 3"\n`),
    );
    expect(failed).toMatchObject({ code: 'build_failed', message: expect.stringContaining('exit code: 3') });
  });

  test('a build that fails while its daemon ends is the fleet’s fault, whatever BuildKit said', async () => {
    const own = await openEngine({
      name: 'buildkit',
      dir: join(folder.path, 'ending'),
      insecureRegistries: [registry.host],
    });
    // The build has the first connection. The engine opens another one to see whether the daemon still lives.
    const socket = String(own.settings.BUILDKIT_HOST).slice('unix://'.length);
    let connections = 0;
    const between = createServer((client) => {
      if (++connections > 1) {
        void own.kill().then(() => client.destroy());
        return;
      }
      const daemon = connect(socket);
      client.on('error', () => daemon.destroy()).pipe(daemon);
      daemon.on('error', () => client.destroy()).pipe(client);
    });
    onTestFinished(() => void between.close());
    const address = join(folder.path, 'between.sock');
    await once(between.listen(address), 'listening');
    const engine = await own.reopen({ settings: { BUILDKIT_HOST: `unix://${address}` } });
    const running = failure(engine, await request(`${busyboxBase}RUN busybox false\n`));
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
