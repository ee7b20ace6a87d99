import { execFile } from 'node:child_process';
import { chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  freePort,
  type RegistryHandle,
  startBuildkitd,
  startRedis,
  startRegistry,
  temporaryFolder,
} from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytes, type ComposeModel, canUseCompose, readCompose, root } from '../compose/model.js';
import { canUse } from '../engines.js';
import { type Container, startContainer } from './container.js';
import { createImageBuilder } from './image-builder.js';
import { type ImageConfig, pullImage } from './pulled-image.js';
import { npmConfig, pushGoImage, pushNodeImage } from './stand-ins.js';

const targets = ['api', 'worker', 'builder'] as const;
type Target = (typeof targets)[number];
const readyPath: Record<Target, string> = { api: '/readyz', worker: '/readyz', builder: '/healthz' };

const steps: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (let step = steps.pop(); step; step = steps.pop()) await step();
});
const stopLater = <T extends { stop(): Promise<unknown> }>(part: T): T => {
  steps.push(() => part.stop());
  return part;
};

/**
 * The images of deploy/Dockerfile, built and started as in docker-compose.yml. Where no image can be pulled,
 * their bases are stand-ins with this machine's own Node and BuildKit. The rest is as shipped.
 */
describe.runIf(canUse('buildkit') && canUseCompose)('the images', () => {
  let folder: string;
  let registry: RegistryHandle;
  let model: ComposeModel;
  const rootfs = (target: Target) => join(folder, `${target}-rootfs`);
  const configs = {} as Record<Target, ImageConfig>;
  const containers = {} as Record<Target, Container>;
  const ports = {} as Record<Target, number>;
  const url = (target: Target) => `http://127.0.0.1:${ports[target]}`;

  beforeAll(async () => {
    const temporary = await temporaryFolder();
    folder = temporary.path;
    steps.push(() => temporary.remove());
    model = await readCompose(join(root, 'docker-compose.yml'));
    registry = stopLater(await startRegistry({ dir: join(folder, 'registry') }));
    const insecureRegistries = [registry.host];
    const buildkitd = stopLater(await startBuildkitd({ dir: join(folder, 'buildkitd'), insecureRegistries }));
    const builder = createImageBuilder({ address: buildkitd.address });
    const args = {
      NODE_IMAGE: `${registry.host}/stand-in/node:1`,
      GO_IMAGE: `${registry.host}/stand-in/go:1`,
    };
    for (const name of ['node', 'buildkit', 'secrets']) await mkdir(join(folder, name));
    await pushNodeImage({ builder, folder: join(folder, 'node'), image: args.NODE_IMAGE });
    await pushGoImage({ builder, folder: join(folder, 'go'), image: args.GO_IMAGE });
    const npmrc = join(folder, 'npmrc');
    await writeFile(npmrc, await npmConfig());
    for (const target of targets) {
      const image = `${registry.host}/slipway/${target}:1`;
      const dockerfile = 'deploy/Dockerfile';
      await builder.build({ context: root, dockerfile, target, args, image, secrets: { npmrc } });
      configs[target] = await pullImage({ image, rootfs: rootfs(target) });
    }
    await promisify(execFile)(process.execPath, [join(root, 'scripts/secrets.mjs'), join(folder, 'secrets')]);
  }, 300_000);

  test.each(targets)('%s: runs without root, reports its health, and has labels', (target) => {
    const config = configs[target];
    expect(config.User).toBe('1000:1000');
    expect(config.Entrypoint).toEqual(['node', 'dist/main.js']);
    expect(config.Healthcheck?.Test).toEqual(['CMD', 'node', expect.stringContaining('healthcheck.mjs')]);
    expect(config.Labels).toMatchObject({
      'org.opencontainers.image.title': `slipway-${target}`,
      'org.opencontainers.image.licenses': 'Apache-2.0',
    });
    const port = config.Env.find((variable) => variable.startsWith('PORT='))?.slice('PORT='.length);
    expect(Object.keys(config.ExposedPorts ?? {})).toEqual([`${port}/tcp`]);
  });

  test.each(targets)(
    '%s: contains only production dependencies, and no secret of the build',
    async (target) => {
      const app = join(rootfs(target), 'app');
      const packages = await readdir(join(app, 'node_modules/.pnpm'));
      const names = packages.map((entry) => entry.replace(/(?<=.)@.*/, ''));
      expect(names).toContain('express');
      for (const name of ['typescript', 'vitest', 'knip', '@biomejs+biome', 'fast-check']) {
        expect(names).not.toContain(name);
      }
      for (const ours of [app, join(app, 'node_modules/@slipway/shared')]) {
        expect(await readdir(ours)).not.toContain('src');
        const compiled = await readdir(join(ours, 'dist'), { recursive: true });
        expect(compiled.filter((path) => path.includes('.test.'))).toEqual([]);
      }
      expect(await readdir(join(rootfs(target), 'root'))).not.toContain('.npmrc');
    },
  );

  test.each(['worker', 'builder'] as const)(
    '%s: has the credential helpers of the clouds',
    async (target) => {
      const programs = await readdir(join(rootfs(target), 'usr/local/bin'));
      expect(programs).toEqual(
        expect.arrayContaining(['ecr-login', 'gcr', 'acr-env'].map((name) => `docker-credential-${name}`)),
      );
    },
  );

  test.each(targets)('%s: its bill of materials lists every package, with licences', async (target) => {
    const file = join(rootfs(target), 'usr/share/doc/slipway/sbom.cdx.json');
    const { bomFormat, components } = JSON.parse(await readFile(file, 'utf8')) as {
      readonly bomFormat: string;
      readonly components: readonly {
        readonly group?: string;
        readonly name: string;
        readonly version: string;
        readonly licenses?: readonly unknown[];
      }[];
    };
    expect(bomFormat).toBe('CycloneDX');
    for (const { name, licenses } of components) expect(licenses?.length, name).toBeGreaterThan(0);
    const said = components.map(
      ({ group, name, version }) => `${group ? `${group}+` : ''}${name}@${version}`,
    );
    const entries = await readdir(join(rootfs(target), 'app/node_modules/.pnpm'));
    const packages = entries
      .filter((entry) => /.@\d/.test(entry))
      .map((entry) => entry.replace(/[_(].*$/, ''));
    expect(packages.length).toBeGreaterThan(20);
    expect(packages.filter((each) => !said.includes(each))).toEqual([]);
  });

  test('all start as in docker-compose.yml, as an unprivileged user, and answer their health checks', async () => {
    const users = { aclFile: join(folder, 'secrets/redis-users.acl'), user: 'slipway' };
    const password = (await readFile(join(folder, 'secrets/redis-password'), 'utf8')).trim();
    const redis = stopLater(await startRedis({ dir: folder, users: { ...users, password } }));
    const redisUrl = `redis://slipway@127.0.0.1:${redis.port}`;
    const engine = join(folder, 'engine');
    stopLater(await startBuildkitd({ dir: engine, insecureRegistries: [registry.host] }));
    await chown(join(engine, 'buildkitd.sock'), 1000, 1000);
    for (const target of targets) ports[target] = await freePort();
    const env: Record<Target, Record<string, string>> = {
      api: { REDIS_URL: redisUrl },
      worker: { REDIS_URL: redisUrl, BUILDERS: `${url('builder')}#max=4` },
      builder: { INSECURE_REGISTRIES: registry.host },
    };
    for (const target of ['builder', 'api', 'worker'] as const) {
      const service = model.services[target === 'builder' ? 'builder-1' : target];
      if (service === undefined) throw new Error(`docker-compose.yml has no ${target}`);
      const bundle = join(folder, `${target}-container`);
      await mkdir(bundle);
      containers[target] = stopLater(
        await startContainer({
          ...{ name: target, folder: bundle, rootfs: rootfs(target), config: configs[target], service },
          env: {
            ...env[target],
            ...{ PORT: String(ports[target]), HEALTH_PORT: String(await freePort()), BIND_HOST: '127.0.0.1' },
          },
          mounts: [
            ...(service.secrets ?? []).map(({ source, target: path }) => ({
              source: join(folder, 'secrets', source),
              target: path,
            })),
            ...(service.volumes ?? []).map(({ source, target: path }) =>
              path === '/run/buildkit'
                ? { source: engine, target: path }
                : { source: join(folder, source), target: path, volume: true },
            ),
          ],
          ready: async () => {
            const response = await fetch(url(target) + readyPath[target]).catch(() => undefined);
            return response?.ok ?? false;
          },
        }),
      );
      expect(await containers[target].user()).toEqual({ uid: 1000, gid: 1000 });
      expect(await containers[target].memoryLimit()).toBe(bytes(service.mem_limit));
      for (const check of [configs[target].Healthcheck?.Test, service.healthcheck?.test]) {
        await containers[target].exec(check?.slice(1) ?? []);
      }
    }
  });

  test('a job passes through them, and its image is in the registry', async () => {
    const token = (await readFile(join(folder, 'secrets/api-token'), 'utf8')).trim();
    const call = async (path: string, init: RequestInit = {}) => {
      const headers = { authorization: `Bearer ${token}`, ...init.headers };
      const response = await fetch(url('api') + path, { ...init, headers });
      const body = (await response.json()) as {
        id: string;
        digest: string;
        state: string;
        result: { digest: string };
      };
      expect(response.ok, JSON.stringify(body)).toBe(true);
      return body;
    };
    const source = join(folder, 'source');
    await mkdir(source);
    await writeFile(join(source, 'Dockerfile'), 'FROM scratch\nCOPY hello /hello\n');
    await writeFile(join(source, 'hello'), 'hello\n');
    await promisify(execFile)('tar', ['--create', `--file=${source}.tar`, `--directory=${source}`, '.']);
    const { digest } = await call('/v1/sources', {
      method: 'POST',
      headers: { 'content-type': 'application/x-tar' },
      body: await readFile(`${source}.tar`),
    });
    const created = await call('/v1/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ image: `${registry.host}/fn/hello:1`, source: { digest } }),
    });
    let job = created;
    while (['queued', 'running'].includes(job.state)) job = await call(`/v1/jobs/${created.id}?wait=30`);
    expect(job).toMatchObject({ state: 'succeeded', result: { digest: expect.stringMatching(/^sha256:/) } });
    const manifest = await fetch(`http://${registry.host}/v2/fn/hello/manifests/${job.result.digest}`, {
      headers: {
        accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json',
      },
    });
    expect(manifest.status).toBe(200);
  });

  test('each of them exits cleanly after SIGTERM', async () => {
    for (const target of targets) expect(await containers[target].stop()).toEqual({ code: 0, signal: null });
  });
});
