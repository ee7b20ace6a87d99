import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { findTool } from '@slipway/local';
import { cacheNamespaceArg } from '@slipway/shared/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busyboxBase } from '../testing/build-request.js';
import { type EngineService, type ServicesOnEngines, servicesOn } from '../testing/engine-service.js';
import { engineNames, isTested } from '../testing/engines.js';
import { payloadOf } from '../testing/payload.js';
import { postBuild, resultOf } from '../testing/post-build.js';

const timeout = 60_000;

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('what steps keep in a cache mount', { timeout }, () => {
    let services: ServicesOnEngines;
    let service: EngineService;
    beforeAll(async () => {
      services = await servicesOn(name);
      service = await services.start({});
    }, timeout);
    afterAll(() => services?.stop());

    /** What a build finds that looks into the mount, and then leaves a mark there. */
    const look = async (tenant: string): Promise<string> => {
      const mark = randomBytes(8).toString('hex');
      const steps = `RUN --mount=type=cache,id=shared,target=/cache busybox cat /cache/left 2>&1 || true; echo ${mark} by ${tenant} > /cache/left\n`;
      const body = payloadOf({
        image: `${services.registry}/cache-${mark}:1`,
        config: { buildArgs: { [cacheNamespaceArg]: tenant } },
        files: { Dockerfile: `${busyboxBase}${steps}`, busybox: readFileSync(findTool('busybox') ?? '') },
      });
      const result = await resultOf(await postBuild({ url: service.url, body }));
      expect(result.status).toBe('success');
      return (result.log ?? []).filter((line) => !line.includes('RUN')).join('\n');
    };

    test('is not there for the builds of another tenant', async () => {
      await look('one');
      expect(await look('two')).not.toContain('by one');
      const again = await look('one');
      expect(again).not.toContain('by two');
      if (name === 'buildkit') expect(again).toContain('by one');
    });
  });
});
