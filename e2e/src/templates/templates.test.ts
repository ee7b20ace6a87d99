import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Batch } from '@slipway/client';
import { type EngineName, engineNames } from '@slipway/shared/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { slipway } from '../cli/command.js';
import { sdkClient } from '../clients/tools.js';
import { sh } from '../context.js';
import { canUse } from '../engines.js';
import { pullImage } from '../images/pulled-image.js';
import { startProgram } from '../program.js';
import { type Stack, startStack } from '../stack.js';
import { pushBases } from './bases.js';
import { answerOf, argumentsOf, imageOf, layContexts, makeProject } from './project.js';
import { run } from './run.js';
import { dockerfileOf, type Shape } from './shape.js';
import { compiledShapes } from './shapes/compiled.js';
import { nodeShapes } from './shapes/node.js';
import { pythonShapes } from './shapes/python.js';
import { scriptShapes } from './shapes/scripts.js';

const shapes: readonly Shape[] = [...nodeShapes, ...pythonShapes, ...compiledShapes, ...scriptShapes];
const roads = ['publish', 'build', 'git'] as const;
type Road = (typeof roads)[number];
/** The road that builds every shape. The other roads build only the shapes `different`. */
const mainRoad: Record<EngineName, Road> = { buildkit: 'publish', buildah: 'build' };
/** Shapes whose packing differs most: links and an ignore file; build options and arguments; executable files and bytes that are no text; no template. */
const different = ['node22', 'python3-http', 'java17', 'dockerfile'].map((name) => {
  const shape = shapes.find((each) => each.name === name);
  if (shape === undefined) throw new Error(`no shape is named ${name}`);
  return shape;
});
const second = 1_000_000_000;

describe.each(engineNames)('templates on %s', (engine) => {
  describe.runIf(canUse(engine))('by the road', () => {
    let stack: Stack;
    beforeAll(async () => {
      stack = await startStack({ engine, builders: 1, env: { api: { GIT_ALLOWED_SCHEMES: 'file' } } });
      await pushBases(stack.registry);
    });
    afterAll(() => stack?.stop());

    const shapesOf = (road: Road) => (road === mainRoad[engine] ? shapes : different);
    const optionsOf = (road: Road) => ({ shapes: shapesOf(road), registry: stack.registry, road });
    const environment = () => ({
      SLIPWAY_URL: stack.url,
      SLIPWAY_TOKEN: stack.token,
      SLIPWAY_DATA: '/no/such/folder',
    });

    /** Builds the shapes of a road. Returns an empty text, or the client's output if a function failed. */
    const builds: Record<Road, () => Promise<string>> = {
      async publish() {
        const { exit, err } = await slipway(
          ['publish', '-f', 'stack.yaml'],
          environment(),
          makeProject(optionsOf('publish')),
        );
        return exit === 0 ? '' : err;
      },
      /** The Go SDK packs and signs as faas-cli does. */
      async build() {
        const { exit, out, err } = await startProgram(
          sdkClient(),
          [
            ...['publish', '-f', 'arguments.yaml', '--parallel', '4', '--remote-builder', stack.url],
            ...['--payload-secret', join(stack.folder, 'secrets', 'payload-secret')],
          ],
          { cwd: makeProject(optionsOf('build')) },
        ).ended;
        return exit === 0 ? '' : out + err;
      },
      async git() {
        const repository = layContexts(optionsOf('git'));
        const git = (...args: string[]) =>
          sh('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@example', ...args]);
        git('init', '--quiet', '--initial-branch=main');
        git('add', '--all');
        git('commit', '--quiet', '--message=functions');
        const answer = await stack.call('/v1/batches', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            items: shapesOf('git').map((shape) => ({
              image: imageOf(optionsOf('git'), shape),
              function: shape.name,
              build_args: argumentsOf(shape),
              source: { git: { url: `file://${repository}`, ref: 'main', path: shape.name } },
            })),
          }),
        });
        const { id } = (await answer.json()) as Batch;
        const { exit, out, err } = await slipway(['batch', 'watch', id], environment());
        return exit === 0 ? '' : out + err;
      },
    };

    describe.each(roads)('%s', (road) => {
      let folder: string;
      let failures: string;
      beforeAll(async () => {
        folder = mkdtempSync(join(tmpdir(), 'slipway-templates-'));
        failures = await builds[road]();
      });
      afterAll(() => rmSync(folder, { recursive: true, force: true }));

      test('every function is built', () => expect(failures).toBe(''));

      test.each(shapesOf(road))('$name: the image answers as its function', async (shape) => {
        const rootfs = join(folder, shape.name);
        const config = await pullImage({ image: imageOf(optionsOf(road), shape), rootfs });
        const { Env = [], ...rest } = shape.config;
        expect(config).toMatchObject(rest);
        expect(config.Env).toEqual(expect.arrayContaining([...Env]));
        for (const [path, text] of Object.entries(shape.present ?? {}))
          expect(readFileSync(join(rootfs, path), 'latin1'), path).toBe(text);
        for (const path of shape.absent ?? []) expect(existsSync(join(rootfs, path)), path).toBe(false);
        const [, seconds] = /^HEALTHCHECK --interval=(\d+)s CMD \[/m.exec(dockerfileOf(shape)) ?? [];
        const health = () =>
          run({ rootfs, config, command: ['/bin/sh', '-c', config.Healthcheck?.Test[1] ?? ''] });
        if (seconds !== undefined) {
          const Test = ['CMD-SHELL', '[ -e /tmp/.lock ] || exit 1'];
          expect(config.Healthcheck).toMatchObject({ Test, Interval: Number(seconds) * second });
          expect(health().exit).toBe(1);
        }
        const ended = run({ rootfs, config, input: 'body of a request' });
        expect(ended).toEqual({ exit: 0, out: `${answerOf(road, shape)} body of a request\n`, err: '' });
        if (seconds !== undefined) expect(health().exit).toBe(0);
      });
    });
  });
});
