import { readFileSync } from 'node:fs';
import { findTool } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busyboxBase, flush, output } from '../testing/build-request.js';
import { type EngineService, type ServicesOnEngines, servicesOn } from '../testing/engine-service.js';
import { engineNames, isTested } from '../testing/engines.js';
import { payloadOf } from '../testing/payload.js';
import { postBuild, resultOf } from '../testing/post-build.js';
import { objectsOf } from '../testing/registry-content.js';

const dockerfile = `${busyboxBase.replace('scratch', 'scratch AS first')}WORKDIR /made
RUN echo one > /made/one && busybox mkdir -p /made/deep/er && busybox ln -s one two
FROM first
COPY --from=first /made /copied
COPY . /context
ARG SOURCE_DATE_EPOCH
RUN echo "epoch=$SOURCE_DATE_EPOCH"${flush}; busybox touch /touched
ENTRYPOINT ["/bin/sh"]
`;

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('the same source', () => {
    let services: ServicesOnEngines;
    let replicas: readonly [EngineService, EngineService];
    beforeAll(async () => {
      services = await servicesOn(name);
      const env = { REPRODUCIBLE: 'true' };
      replicas = [await services.start(env), await services.start(env)];
    });
    afterAll(() => services?.stop());

    const build = async (service: EngineService, buildArgs: Readonly<Record<string, string>> = {}) => {
      const image = `${services.registry}/same:${Object.keys(buildArgs).length}`;
      const busybox = readFileSync(findTool('busybox') ?? '');
      const files = { Dockerfile: dockerfile, busybox, 'deep/file': 'x' };
      const body = payloadOf({ image, config: { buildArgs }, files });
      const result = await resultOf(await postBuild({ url: service.url, body }));
      expect(result).toMatchObject({ status: 'success' });
      const objects = await objectsOf(image);
      return { digest: result.digest, log: result.log?.join('\n'), objects };
    };
    /** Lets the clock reach another second: times in images have no finer unit. */
    const nextSecond = () => {
      const now = Math.floor(Date.now() / 1000);
      return expect.poll(() => Math.floor(Date.now() / 1000)).toBeGreaterThan(now);
    };
    const createdOf = ({ objects }: Awaited<ReturnType<typeof build>>) =>
      objects.flatMap(({ mediaType, content }) =>
        /config|container\.image/.test(mediaType) ? [JSON.parse(content.toString()).created] : [],
      );

    test('gives the same digest again, on another replica with an empty cache too', async () => {
      const first = await build(replicas[0]);
      expect(first.log).toContain('epoch=499162500');
      expect(new Date(createdOf(first)[0]).toISOString()).toBe('1985-10-26T08:15:00.000Z');
      await nextSecond();
      expect((await build(replicas[0])).digest).toBe(first.digest);
      expect((await build(replicas[1])).digest).toBe(first.digest);
    });

    test('with one file changed, but not its size, is another source', async () => {
      const image = `${services.registry}/changed:1`;
      const busybox = readFileSync(findTool('busybox') ?? '');
      for (const word of ['one', 'two']) {
        const files = {
          Dockerfile: `${busyboxBase}COPY word /\nRUN cat /word${flush}\n`,
          busybox,
          word: `${word}\n`,
        };
        const body = payloadOf({ image, files });
        const { log } = await resultOf(await postBuild({ url: replicas[0].url, body }));
        expect(output(log ?? [])).toContain(word);
      }
    });

    test('carries the time that the request names, or the real one', async () => {
      const fixed = await build(replicas[0], { SOURCE_DATE_EPOCH: '1700000000' });
      expect(fixed.log).toContain('epoch=1700000000');
      expect(new Date(createdOf(fixed)[0]).toISOString()).toBe('2023-11-14T22:13:20.000Z');
      const real = await build(replicas[0], { SOURCE_DATE_EPOCH: '' });
      expect(new Date(createdOf(real)[0]).getUTCFullYear()).toBeGreaterThan(2023);
      await nextSecond();
      expect((await build(replicas[1], { SOURCE_DATE_EPOCH: '' })).digest).not.toBe(real.digest);
    });
  });
});
