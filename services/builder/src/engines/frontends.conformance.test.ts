import { readFileSync } from 'node:fs';
import { findTool } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busyboxBase } from '../testing/build-request.js';
import { type EngineService, type ServicesOnEngines, servicesOn } from '../testing/engine-service.js';
import { engineNames, isTested } from '../testing/engines.js';
import { type FaultyRegistry, startFaultyRegistry } from '../testing/faulty-registry.js';
import { payloadOf } from '../testing/payload.js';
import { postBuild, resultOf } from '../testing/post-build.js';

const digest = `sha256:${'a'.repeat(64)}`;

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('a Dockerfile that names a frontend', () => {
    let hub: FaultyRegistry;
    let services: ServicesOnEngines;
    let service: EngineService;
    beforeAll(async () => {
      hub = await startFaultyRegistry();
      services = await servicesOn(name, { mirrors: { 'docker.io': hub.host } });
      service = await services.start({ ALLOWED_FRONTENDS: `${hub.host}/missing/fe:1` });
    });
    afterAll(async () => {
      await services?.stop();
      await hub?.stop();
    });

    const build = async (first: string, buildArgs: Readonly<Record<string, string>> = {}) => {
      const body = payloadOf({
        image: `${services.registry}/frontends:1`,
        config: { buildArgs, skipPush: true },
        files: {
          Dockerfile: `${first}\n${busyboxBase}RUN echo built\n`,
          busybox: readFileSync(findTool('busybox') ?? ''),
        },
      });
      return resultOf(await postBuild({ url: service.url, body }));
    };

    test.each([
      '# syntax=docker/dockerfile:1',
      '# syntax=docker/dockerfile',
      '#syntax = docker.io/docker/dockerfile:1.7',
      '# SYNTAX=index.docker.io/docker/dockerfile:1.12.0 --flag',
      '# syntax=docker/dockerfile:latest',
      `# syntax=docker/dockerfile:1@${digest}`,
      '#!/usr/bin/env docker\n# syntax=docker/dockerfile:1',
      '# escape=\\\n# syntax=docker/dockerfile:1',
    ])('of Docker is built by the engine itself, which asks no registry for it: %j', async (first) => {
      expect(await build(first)).toMatchObject({ status: 'success' });
      expect(await build('', { BUILDKIT_SYNTAX: 'docker/dockerfile:1' })).toMatchObject({
        status: 'success',
      });
      expect(hub.requests).toEqual([]);
    });

    test.each(['docker/dockerfile:1-labs', 'docker/dockerfile-upstream:master', 'evil/fe'])(
      '%s is refused, and asked for nowhere',
      async (frontend) => {
        for (const refused of [
          await build(`# syntax=${frontend}`),
          await build('', { BUILDKIT_SYNTAX: frontend }),
          await build(`# syntax=${frontend}`, { BUILDKIT_SYNTAX: 'docker/dockerfile:1' }),
        ]) {
          expect(refused).toMatchObject({ status: 'failed', code: 'frontend_not_allowed' });
          expect(refused.error).toContain(frontend);
        }
        expect(hub.requests).toEqual([]);
      },
    );

    test('on the allowlist is loaded by BuildKit, and refused by buildah, which loads none', async () => {
      const allowed = `${hub.host}/missing/fe:1`;
      const result = await build(`# syntax=${allowed}`);
      if (name === 'buildah') {
        expect(result).toMatchObject({ status: 'failed', code: 'frontend_not_allowed' });
        expect(result.error).toContain(allowed);
        expect(hub.requests).toEqual([]);
      } else {
        expect(result).toMatchObject({ status: 'failed', code: 'build_failed' });
        expect(hub.requests).toContainEqual('/v2/missing/fe/manifests/1');
      }
    });
  });
});
