// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles write variables that way too.
import { join } from 'node:path';
import { startRegistry, temporaryFolder } from '@slipway/local';
import { baseImages } from '@slipway/shared/dockerfile';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AnyImageRegistry, startAnyImageRegistry } from '../testing/any-image-registry.js';
import { build, buildRequest, busyboxBase } from '../testing/build-request.js';
import { type EngineName, engineNames, isTested, type OpenedEngine, openEngine } from '../testing/engines.js';
import { pushIndex } from '../testing/registry-content.js';
import { ownPlatform } from './platform.js';

interface Options {
  readonly target?: string;
  readonly buildArgs?: Record<string, string>;
}

/** Cases that the other engine refuses or reads differently. */
const others: Record<EngineName, [what: string, dockerfile: string, images: string[], options?: Options][]> =
  {
    buildkit: [
      ['a target', 'FROM R/a:1 AS x\nRUN true\nFROM R/b:1', ['a:1'], { target: 'x' }],
      ['a stage in other case', 'FROM R/a:1 AS x\nFROM R/b:1\nCOPY --from=X /bin/sh /x', ['a:1', 'b:1']],
      [
        'a stage that is not needed',
        'FROM R/a:1 AS x\nCOPY --from=R/c:1 /bin/sh /x\nFROM R/b:1\nRUN true',
        ['b:1'],
      ],
      [
        'patterns in variables',
        'ARG V=v1.2\nFROM R/a:${V#v} AS x\nFROM R/b:${V%.*}\nCOPY --from=x /bin/sh /x',
        ['a:1.2', 'b:v1'],
      ],
      ['the platform', 'FROM --platform=$BUILDPLATFORM R/a:$TARGETOS', ['a:linux']],
      [
        'a here-document',
        'FROM R/a:1\nRUN <<EOF\nFROM=R/x:1\nEOF\nCOPY --from=R/b:1 /bin/sh /x',
        ['a:1', 'b:1'],
      ],
      ['an escaped escape', 'FROM R/a:1\nRUN echo \\\\\nCOPY --from=R/b:1 /bin/sh /x', ['a:1', 'b:1']],
    ],
    buildah: [
      ['a variable behind --from', 'FROM R/a:1\nARG V=R/b:1\nCOPY --from=$V /bin/sh /x', ['a:1', 'b:1']],
      ['FROM a number', 'FROM R/a:1\nFROM 0\nRUN true', ['a:1']],
      [
        'a mount of a number',
        'FROM R/a:1\nFROM R/b:1\nRUN --mount=type=bind,from=0,target=/x true',
        ['a:1', 'b:1'],
      ],
    ],
  };

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('asks registries for the base images of a Dockerfile', () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>;
    let real: Awaited<ReturnType<typeof startRegistry>>;
    let registry: AnyImageRegistry;
    let opened: OpenedEngine;
    let baseDigest: string;
    beforeAll(async () => {
      folder = await temporaryFolder();
      real = await startRegistry({ dir: join(folder.path, 'registry') });
      registry = await startAnyImageRegistry({ host: real.host, name: 'base', tag: '1' });
      const dir = join(folder.path, 'engine');
      opened = await openEngine({ name, dir, insecureRegistries: [real.host, registry.host] });
      const base = await buildRequest({
        ...{ folder: folder.path, registry: real.host, files: { Dockerfile: busyboxBase } },
        image: `${real.host}/base:1`,
      });
      baseDigest = (await build(opened.engine, base)).digest ?? '';
    });
    afterAll(async () => {
      await opened?.close();
      await registry?.stop();
      await real?.stop();
      await folder?.remove();
    });

    /** Builds a Dockerfile, in which `R/` stands for the registry, and compares with what was asked for. */
    async function compare(text: string, images: readonly string[], more: Options = {}): Promise<void> {
      const dockerfile = text.replaceAll('R/', `${registry.host}/`);
      const { target, buildArgs = {} } = more;
      const files = { Dockerfile: dockerfile };
      const where = { folder: folder.path, registry: registry.host };
      const request = await buildRequest({ ...where, files, push: false, buildArgs });
      registry.asked();
      const { bases } = await build(opened.engine, { ...request, options: { ...request.options, target } });
      expect(registry.asked()).toEqual(images);
      const found = baseImages({ dockerfile, buildArgs, platforms: [ownPlatform], target });
      expect(found.map((image) => image.replace(`${registry.host}/`, '')).sort()).toEqual(images);
      const used = bases.map(({ reference, digest }) => [reference.replace(`${registry.host}/`, ''), digest]);
      expect(used.toSorted()).toEqual(images.map((image) => [image, baseDigest]));
    }

    test('reports the digest of the index that a reference had, also of a copied and a pinned image', async () => {
      const where = { folder: folder.path, registry: real.host };
      const make = async (image: string) => {
        const files = { Dockerfile: `FROM ${real.host}/base:1\nRUN echo ${image} >/made-${image}\n` };
        const given = { ...where, files, image: `${real.host}/${image}:1` };
        return (await build(opened.engine, await buildRequest(given))).digest;
      };
      const [tool, part] = [await make('tool'), await make('part')];
      const dockerfile = [
        `FROM ${real.host}/part:index AS make`,
        'RUN echo made >/made',
        `FROM ${real.host}/tool@${tool}`,
        'COPY --from=make /made /made',
        `COPY --from=${real.host}/tool:1 /made-tool /copied`,
      ].join('\n');
      // Only the index differs: its manifest is known to the engine.
      for (const note of ['first', 'second']) {
        const index = await pushIndex({ host: real.host, name: 'part', from: '1', to: 'index', note });
        const { bases } = await build(
          opened.engine,
          await buildRequest({ ...where, files: { Dockerfile: dockerfile } }),
        );
        const reported = new Map(bases.map(({ reference, ...digests }) => [reference, digests]));
        expect(reported.get(`${real.host}/part:index`)?.digest).toBe(index);
        expect(reported.get(`${real.host}/tool:1`)?.digest).toBe(tool);
        if (name === 'buildah') expect(reported.get(`${real.host}/part:index`)?.platform_digest).toBe(part);
      }
    });

    test.each<[what: string, dockerfile: string, images: string[], options?: Options]>([
      ['FROM', 'FROM R/a:1\nRUN true', ['a:1']],
      ['COPY --from', 'FROM R/a:1\nCOPY --from=R/b:1 /bin/sh /x', ['a:1', 'b:1']],
      ['a mount', 'FROM R/a:1\nRUN --mount=type=bind,from=R/b:1,target=/x true', ['a:1', 'b:1']],
      ['a mount in CSV', `FROM R/a:1\nRUN --mount='type=bind,"from=R/b:1","target=/x"' true`, ['a:1', 'b:1']],
      ['a stage by number', 'FROM R/a:1\nFROM R/b:1\nCOPY --from=0 /bin/sh /x', ['a:1', 'b:1']],
      ['a stage by name', 'FROM R/a:1 AS x\nFROM R/b:1\nCOPY --from=x /bin/sh /x', ['a:1', 'b:1']],
      ['a stage called context', 'FROM R/a:1 AS context\nFROM context\nRUN true', ['a:1']],
      [
        'a name that is almost that of a later stage',
        'FROM R/a:1\nCOPY --from=R/z:1 /bin/sh /x\nFROM R/b:1 AS z\nCOPY --from=0 /bin/sh /y',
        ['a:1', 'b:1', 'z:1'],
      ],
      [
        'a trigger',
        'FROM R/a:1 AS x\nONBUILD COPY --from=R/b:1 /bin/sh /x\nFROM x\nRUN true',
        ['a:1', 'b:1'],
      ],
      ['a trigger of the last stage', 'FROM R/a:1\nONBUILD COPY --from=R/b:1 /bin/sh /x\n', ['a:1']],
      [
        'arguments',
        'ARG V=1\nARG I=R/a:$V\nFROM ${I} AS x\nFROM x\nCOPY --from=R/b:1 /bin/sh /x',
        ['a:1', 'b:1'],
      ],
      [
        'arguments that are given',
        'ARG V=1\nFROM R/a:${V}${W:-3}',
        ['a:23'],
        { buildArgs: { V: '2', W: '4' } },
      ],
      ['a variable that is not set', 'FROM R/a:1$NOTHING', ['a:1']],
      [
        'comments and blank lines',
        'FROM R/a:1\nRUN true \\\n\n# c\n && true\nCOPY --from=R/b:1 /bin/sh \\\n#\n\n/x',
        ['a:1', 'b:1'],
      ],
      ...others[name],
    ])('%s', async (_what, ...row) => compare(...row));
  });
});
