import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  busyboxBase as base,
  build,
  buildRequest,
  failure,
  flush,
  output,
} from '../testing/build-request.js';
import { engineNames, isTested, type OpenedEngine, openEngine } from '../testing/engines.js';
import { type Registries, registryPassword, registryUser, startRegistries } from '../testing/registries.js';
import { inRegistry } from '../testing/registry-content.js';
import type { BuildEngine, BuildRequest } from './engine.js';
import { ownPlatform } from './platform.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let registries: Registries;
beforeAll(async () => {
  folder = await temporaryFolder();
  registries = await startRegistries(folder.path);
});
afterAll(async () => {
  await registries?.stop();
  await folder?.remove();
});

function request(files: Readonly<Record<string, string>>, more: Partial<BuildRequest> = {}) {
  return buildRequest({ folder: folder.path, registry: registries.open, files, ...more });
}

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('keeps the contract of an engine:', () => {
    let opened: OpenedEngine;
    let engine: BuildEngine;
    beforeAll(async () => {
      opened = await openEngine({
        name,
        dir: join(folder.path, name),
        insecureRegistries: registries.insecure,
      });
      engine = opened.engine;
    });
    afterAll(() => opened?.close());

    test('a registry of this machine that is listed is pushed to and pulled from under its other name', async () => {
      const files = { Dockerfile: `${base}RUN echo local\n` };
      const what = await request(files);
      const image = what.image.replace('127.0.0.1', 'localhost');
      expect(image).toMatch(/^localhost:/);
      const { digest } = await build(engine, { ...what, image });
      expect((await inRegistry(what.image)).digest).toBe(digest);
      const onTop = await request({ Dockerfile: `FROM ${image}\nRUN /bin/busybox echo again${flush}\n` });
      expect(output((await build(engine, onTop)).log)).toContain('again');
    });

    test('build arguments arrive as they are, whatever they hold', async () => {
      const value = `a,b="c" 'd' --push=false $HOME \\ e\n=f`;
      const dockerfile = `${base}ARG FIRST\nARG SECOND=default\nARG TARGETARCH\nRUN echo "$FIRST|$SECOND|$TARGETARCH"${flush}\n`;
      const buildArgs = { FIRST: value, SECOND: '', UNUSED: '--help' };
      const { log } = await build(engine, await request({ Dockerfile: dockerfile }, { buildArgs }));
      expect(output(log).join('\n')).toContain(`${value}||${ownPlatform.split('/')[1]}`);
    });

    test('stages, .dockerignore and the platform of the machine by name', async () => {
      const dockerfile = `${base.replace('scratch', 'scratch AS first')}RUN echo made > /made
FROM first
COPY . /context
RUN cat /made && /bin/busybox ls /context${flush}
`;
      const files = { Dockerfile: dockerfile, '.dockerignore': 'left-out\n', 'left-out': 'x', kept: 'x' };
      const { log } = await build(engine, await request(files, { platforms: [ownPlatform] }));
      expect(output(log)).toEqual(expect.arrayContaining(['made', 'kept']));
      expect(output(log)).not.toContain('left-out');
    });

    test('the same source again gives the same digest', async () => {
      const files = { Dockerfile: `${base}ARG A\nRUN echo "$A" > /a\n` };
      const first = await request(files, { buildArgs: { A: '1' } });
      const { digest } = await build(engine, first);
      expect((await build(engine, await request(files, { buildArgs: { A: '1' } }))).digest).toBe(digest);
      expect((await build(engine, await request(files, { buildArgs: { A: '2' } }))).digest).not.toBe(digest);
    });

    test('builds run beside each other, for one image too', async () => {
      const image = `${registries.open}/together:1`;
      const whats = await Promise.all(
        ['a', 'b', 'c', 'd'].map((letter) =>
          request({ Dockerfile: `${base}RUN echo ${letter} > /letter\n` }, letter > 'b' ? { image } : {}),
        ),
      );
      const digests = await Promise.all(whats.map(async (what) => (await build(engine, what)).digest));
      expect(new Set(digests).size).toBe(4);
      expect(digests.slice(2)).toContain((await inRegistry(image)).digest);
    });

    test('a step that SIGKILL ends is step_killed, with what to do', async () => {
      // The kernel ignores SIGKILL that the first process of a container sends itself: a child takes it.
      const dockerfile = `${base}RUN /bin/busybox sh -c 'kill -9 $$'; exit $?\n`;
      const error = await failure(engine, await request({ Dockerfile: dockerfile }));
      expect(error).toMatchObject({ code: 'step_killed' });
      expect(error.message).toMatch(/lack of memory \(exit code 137\)\. Raise the memory .*kill -9/s);
    });

    test('skipPush builds and pushes nothing', async () => {
      const what = await request({ Dockerfile: `${base}RUN echo built${flush}\n` }, { push: false });
      const { digest, log } = await build(engine, what);
      expect(digest).toBeUndefined();
      expect(output(log)).toContain('built');
      expect((await inRegistry(what.image)).status).toBe(404);
    });

    test.each([
      ['an unknown instruction', 'FROMM scratch\n'],
      ['a file that is not there', 'FROM scratch\nCOPY nothing /\n'],
      ['nothing', '\n'],
    ])('a Dockerfile with %s is the user’s failure', async (_what, dockerfile) => {
      expect(await failure(engine, await request({ Dockerfile: dockerfile }))).toMatchObject({
        code: 'build_failed',
      });
    });

    test('a base image is looked up each time', async () => {
      const image = `${registries.open}/${name}-base:1`;
      const from = { Dockerfile: `FROM ${image}\nRUN cat /version${flush}\n` };
      for (const version of ['one', 'two']) {
        await build(
          engine,
          await request({ Dockerfile: `${base}RUN echo ${version} > /version\n` }, { image }),
        );
        expect(output((await build(engine, await request(from))).log)).toContain(version);
      }
    });

    test.each([
      ['is not in its registry', 'missing', 'build_failed'],
      ['may not be pulled', 'denied', 'pull_unauthorized'],
      ['needs a login', 'locked', 'pull_unauthorized'],
      ['is pulled too often', 'limited', 'pull_rate_limited'],
      ['is in a broken registry', 'broken', 'registry_unreachable'],
    ])('a base image that %s', async (_how, fault, code) => {
      const what = await request({ Dockerfile: `FROM ${registries.faulty}/${fault}/x:1\nCOPY busybox /\n` });
      expect(await failure(engine, what)).toMatchObject({ code });
    });

    test.each([
      ['breaks', () => `${registries.faulty}/broken/x:1`, 'push_failed'],
      ['denies', () => `${registries.faulty}/denied/x:1`, 'push_unauthorized'],
      ['hangs up', () => `${registries.faulty}/cut/x:1`, 'registry_unreachable'],
      ['is not there', () => `${registries.unreachable}/x:1`, 'registry_unreachable'],
      ['has no such name', () => 'registry.invalid/x:1', 'registry_unreachable'],
    ])('a push to a registry that %s', async (_how, image, code) => {
      const what = await request({ Dockerfile: 'FROM scratch\nCOPY busybox /\n' }, { image: image() });
      expect(await failure(engine, what)).toMatchObject({ code });
    });

    test('a registry that is not allowlisted is not spoken to over plain http', async () => {
      const image = `${registries.unlisted}/x:1`;
      const what = await request({ Dockerfile: 'FROM scratch\nCOPY busybox /\n' }, { image });
      const { code, message } = await failure(engine, what);
      expect(code).toBe('registry_insecure');
      expect(message).toContain(registries.unlisted);
      expect((await inRegistry(image)).status).toBe(404);
    });

    test('credentials come from the docker config, and an error names wrong or missing ones', async () => {
      const withLogin = async (login: string | undefined) => {
        const dockerConfig = join(folder.path, `${name}-${login === undefined ? 'none' : login.length}`);
        await mkdir(dockerConfig, { recursive: true });
        const auths =
          login === undefined ? {} : { [registries.locked]: { auth: Buffer.from(login).toString('base64') } };
        await writeFile(join(dockerConfig, 'config.json'), JSON.stringify({ auths }));
        return opened.reopen({ dockerConfig });
      };
      const files = { Dockerfile: 'FROM scratch\nCOPY busybox /\n' };
      const image = `${registries.locked}/${name}:1`;
      const right = await withLogin(`${registryUser}:${registryPassword}`);
      const { digest } = await build(right, await request(files, { image }));
      const authorization = `Basic ${Buffer.from(`${registryUser}:${registryPassword}`).toString('base64')}`;
      expect((await inRegistry(image, { authorization })).digest).toBe(digest);
      for (const login of [`${registryUser}:wrong`, undefined]) {
        const refused = await failure(await withLogin(login), await request(files, { image }));
        expect(refused).toMatchObject({ code: 'push_unauthorized' });
        expect(JSON.stringify(refused)).not.toContain('wrong');
      }
    });

    test('an error names a platform that cannot be built here', async () => {
      const foreign = ownPlatform === 'linux/arm64' ? 'linux/amd64' : 'linux/arm64';
      const files = {
        Dockerfile: 'FROM scratch\nCOPY program /bin/sh\nRUN echo hi\n',
        program: foreignProgram(foreign),
      };
      const what = await request(files, { platforms: [foreign] });
      await chmod(join(what.contextDir, 'program'), 0o755);
      expect(await failure(engine, what)).toMatchObject({ code: 'platform_unsupported' });
    });
  });
});

/** The least ELF file that a kernel of another architecture takes for a program. */
function foreignProgram(platform: string): string {
  const program = Buffer.alloc(0x80);
  program.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  program.writeUInt16LE(2, 16);
  program.writeUInt16LE(platform === 'linux/arm64' ? 183 : 62, 18);
  program.writeUInt32LE(1, 20);
  program.writeBigUInt64LE(0x400078n, 24);
  program.writeBigUInt64LE(64n, 32);
  program.writeUInt16LE(64, 52);
  program.writeUInt16LE(56, 54);
  program.writeUInt16LE(1, 56);
  program.writeUInt32LE(1, 64);
  program.writeUInt32LE(5, 68);
  program.writeBigUInt64LE(0x400000n, 80);
  return program.toString('latin1');
}
