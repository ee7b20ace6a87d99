import { readFileSync } from 'node:fs';
import { findTool } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busyboxBase } from '../testing/build-request.js';
import { type EngineService, type ServicesOnEngines, servicesOn } from '../testing/engine-service.js';
import { engineNames, isTested } from '../testing/engines.js';
import { type Entry, payloadOf } from '../testing/payload.js';
import { postBuild, resultOf } from '../testing/post-build.js';
import { inRegistry } from '../testing/registry-content.js';

const stages = `${busyboxBase.replace('scratch', 'scratch AS first')}RUN echo first > /made
FROM first AS second
RUN busybox cat /proc/sys/kernel/random/uuid
`;

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('the options of a build:', () => {
    let services: ServicesOnEngines;
    let service: EngineService;
    beforeAll(async () => {
      services = await servicesOn(name);
      service = await services.start();
    });
    afterAll(() => services?.stop());
    let builds = 0;
    const build = async (files: Record<string, string>, config = {}, entries: readonly Entry[] = []) => {
      const image = `${services.registry}/options-${builds++}:1`;
      const busybox = readFileSync(findTool('busybox') ?? '');
      const body = payloadOf({ image, config, files: { ...files, busybox }, entries });
      const answer = await postBuild({ url: service.url, body });
      expect(answer.headers.get('x-slipway-features')).toBe('build-options,attachable-builds');
      return { image, result: await resultOf(answer) };
    };

    test('Dockerfile, target, labels, annotations and further tags', async () => {
      const tags = [`${services.registry}/other:2`, `${services.registry}/other:latest`];
      const labels = { 'org.example.a': 'b, "c"=d' };
      const annotations = { 'org.example.note': 'e, "f"=g' };
      const config = { dockerfile: 'deep/My.file', target: 'first', tags, labels, annotations, pull: true };
      const { image, result } = await build({ 'deep/My.file': stages, Dockerfile: 'FROMM x' }, config);
      expect(result).toMatchObject({ status: 'success', image });
      for (const pushed of [image, ...tags]) {
        const found = await inRegistry(pushed);
        expect(found.digest).toBe(result.digest);
        expect(found.manifest).toMatchObject({ annotations });
        expect(found.config?.config.Labels).toMatchObject(labels);
      }
      expect(result.log?.join('\n')).not.toContain('random/uuid');
    });

    test('labels and annotations are those of the build, whatever earlier builds of the same files had', async () => {
      const files = { Dockerfile: `${stages}LABEL own=dockerfile\n` };
      const labelled = async (labels: Record<string, string>, annotations: Record<string, string>) => {
        const { image, result } = await build(files, { labels, annotations });
        expect(result).toMatchObject({ status: 'success' });
        const { config, manifest } = await inRegistry(image);
        const { Labels } = config?.config ?? {};
        const { 'io.buildah.version': _version, ...others } = Labels as Record<string, string>;
        return { labels: others, ...manifest };
      };
      const first = await labelled({ a: '1', own: 'build' }, { n: '1' });
      expect(first).toMatchObject({ labels: { a: '1', own: 'build' }, annotations: { n: '1' } });
      const second = await labelled({}, {});
      expect(second.labels).toEqual({ own: 'dockerfile' });
      expect(second).not.toHaveProperty('annotations.n');
      expect((await labelled({ b: '2' }, {})).labels).toEqual({ b: '2', own: 'dockerfile' });
    });

    test('noCache runs every step again', async () => {
      const cached = async (config: object) =>
        /CACHED|Using cache/.test((await build({ Dockerfile: stages }, config)).result.log?.join('\n') ?? '');
      await cached({});
      expect(await cached({})).toBe(true);
      expect(await cached({ noCache: true })).toBe(false);
    });

    test.each([
      ['target', { target: 'third' }, 'build_failed'],
      ['Dockerfile', { dockerfile: 'none' }, 'dockerfile_invalid'],
    ])('a %s that is missing is the user’s failure', async (_what, config, code) => {
      const { result } = await build({ Dockerfile: stages }, config);
      expect(result).toMatchObject({ status: 'failed', code });
    });

    const link = (path: string, linkpath: string): Entry => ({ path, linkpath, type: 'SymbolicLink' });
    test.each([
      ['beside it', 'Dockerfile.web', link('context/Dockerfile', 'Dockerfile.web')],
      ['from the root of the context', 'Dockerfile.web', link('context/Dockerfile', '/Dockerfile.web')],
      ['in a folder', 'deep/file', link('context/Dockerfile', 'deep/file')],
      ['in lower case', 'other', link('context/dockerfile', 'other')],
    ])('a Dockerfile that is a link: %s', async (_how, path, entry) => {
      expect((await build({ [path]: stages }, {}, [entry])).result).toMatchObject({ status: 'success' });
      const evil = await build({ [path]: `# syntax=evil/fe\n${stages}` }, {}, [entry]);
      expect(evil.result).toMatchObject({ status: 'failed', code: 'frontend_not_allowed' });
    });

    test('a Dockerfile in lower case, where there is none in the other spelling', async () => {
      expect((await build({ dockerfile: stages })).result).toMatchObject({ status: 'success' });
      const both = await build({ dockerfile: '# syntax=evil/fe\n', Dockerfile: stages });
      expect(both.result).toMatchObject({ status: 'success' });
    });

    test('a Dockerfile that is a link out of the context is refused', async () => {
      const { result } = await build({}, {}, [link('context/Dockerfile', '../../../../../../etc/hostname')]);
      expect(result).toMatchObject({ status: 'failed', code: 'dockerfile_invalid' });
    });
  });
});
