import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerfile, makeContext } from '../context.js';
import { canUse } from '../engines.js';
import { inRegistry } from '../registry.js';
import { type Stack, startStack } from '../stack.js';
import { slipway, startCommand } from './command.js';

const stages = [
  dockerfile().replace('scratch', 'scratch AS base'),
  'FROM base AS release\nRUN cat /proc/sys/kernel/random/uuid > /made\nLABEL stage=release',
  'FROM base AS debug\nLABEL stage=debug\n',
].join('\n');

describe.each(['buildkit', 'buildah'] as const)('%s', (engine) => {
  describe.runIf(canUse(engine))('builds with the options of the command line:', () => {
    let stack: Stack;
    let env: Record<string, string>;
    const before = process.cwd();
    beforeAll(async () => {
      stack = await startStack({ engine });
      env = { SLIPWAY_URL: stack.url, SLIPWAY_TOKEN: stack.token, SLIPWAY_DATA: '/no/such/folder' };
    });
    afterAll(async () => {
      process.chdir(before);
      await stack?.stop();
    });
    const image = (name: string) => `${stack.registry}/options/${name}`;
    const build = async (...args: string[]) => {
      const { exit, out, err } = await slipway(['build', ...args], env);
      expect([exit, err]).toEqual([0, expect.stringContaining('succeeded')]);
      return { err, digest: out.trim().split('@')[1] };
    };

    test('Dockerfile with its ignore file, stage, tags, labels and annotations', async () => {
      const context = makeContext({
        Dockerfile: 'FROMM this one is not read\n',
        'docker/prod.Dockerfile': `${stages}COPY . /all\nRUN ls /all\n`,
        'docker/prod.Dockerfile.dockerignore': 'left-out\n',
        'left-out': '',
        kept: '',
      });
      const { err, digest } = await build(
        ...[context, '-t', image('app:1'), '-t', image('app:latest'), '--tag', image('other:2')],
        ...['--file', join(context, 'docker/prod.Dockerfile'), '--annotation', 'org.example.note=a, "b"=c'],
        ...['--image-label', 'org.example.a=d, "e"=f', '--image-label', 'stage=of the command line'],
      );
      expect(err).toMatch(/\bkept\b/);
      expect(err).not.toContain('left-out');
      for (const reference of [image('app:1'), image('app:latest'), image('other:2')]) {
        const found = await inRegistry(reference);
        expect(found.digest).toBe(digest);
        expect(found.manifest.annotations).toMatchObject({ 'org.example.note': 'a, "b"=c' });
        expect(found.labels).toMatchObject({ 'org.example.a': 'd, "e"=f', stage: 'of the command line' });
      }
    });

    test('a stage, without cached steps', async () => {
      const context = makeContext({ Dockerfile: stages });
      const layers = async (...more: string[]) => {
        await build(context, '--image', image('stage:1'), '--target', 'release', ...more);
        const { manifest, labels } = await inRegistry(image('stage:1'));
        expect(labels).toMatchObject({ stage: 'release' });
        return manifest.layers.map(({ digest }) => digest);
      };
      const first = await layers();
      expect(await layers()).toEqual(first);
      expect(await layers('--no-cache')).not.toEqual(first);
      await build(context, '--image', image('stage:1'), '--target', 'debug');
      expect((await inRegistry(image('stage:1'))).labels).toMatchObject({ stage: 'debug' });
    });

    test('the current base images of the registry', async () => {
      const base = image('base:1');
      const push = async (version: string) => {
        const file = dockerfile(`LABEL version=${version}`);
        await build(makeContext({ Dockerfile: file }), '-t', base);
      };
      const onBase = makeContext({ Dockerfile: `FROM ${base}\n` });
      await push('1');
      await build(onBase, '-t', image('pulled:1'));
      await push('2');
      const { out } = await slipway(['build', onBase, '-t', image('pulled:1'), '--pull', '--json'], env);
      expect(JSON.parse(out)).toMatchObject({ state: 'succeeded', pull: true });
      expect((await inRegistry(image('pulled:1'))).labels).toMatchObject({ version: '2' });
    });

    test('of a stack file, of publish and of rebuild', async () => {
      const folder = makeContext({});
      const handler = makeContext({ Dockerfile: 'FROMM\n', 'prod.Dockerfile': stages });
      const own =
        `{ dockerfile: prod.Dockerfile, target: debug, tags: [edge, "${image('copy:3')}"], ` +
        'image_labels: { a: of the file, g: h }, annotations: { i: j } }';
      const text = `provider: { name: openfaas }\nfunctions:\n  ${engine}: { lang: dockerfile, handler: ${handler}, image: "${image('fn:1')}", slipway: ${own} }\n`;
      writeFileSync(join(folder, 'stack.yaml'), text);
      process.chdir(folder);
      const published = await startCommand(
        [
          ...['publish', '--target', 'release', '--extra-tag', 'next'],
          ...['--build-label', 'a=b', '--annotation', 'c=d'],
        ],
        env,
      ).ended;
      expect([published.exit, published.err]).toEqual([0, expect.stringContaining('1 function succeeded')]);
      const built = await inRegistry(image('fn:edge'));
      for (const name of ['fn:1', 'fn:next', 'copy:3']) {
        expect((await inRegistry(image(name))).digest).toBe(built.digest);
      }
      expect(built.labels).toMatchObject({ a: 'b', g: 'h', stage: 'release' });
      expect(built.manifest.annotations).toMatchObject({ c: 'd', i: 'j' });

      const again = await slipway(
        [
          ...['rebuild', engine, '--target', 'debug', '-t', '{registry}/{repository}:{release}'],
          ...['--value', 'release=r2', '--image-label', 'a=e', '--annotation', 'f=g', '--no-cache', '--pull'],
        ],
        env,
      );
      expect([again.exit, again.err]).toEqual([0, expect.stringContaining('1 function succeeded')]);
      const rebuilt = await inRegistry(image('fn:r2'));
      expect(rebuilt.labels).toMatchObject({ a: 'e', stage: 'debug' });
      expect(rebuilt.manifest.annotations).toMatchObject({ c: 'd', f: 'g' });
      expect((await inRegistry(image('fn:edge'))).digest).toBe(built.digest);
    });
  });
});
