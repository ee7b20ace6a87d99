import { readFileSync } from 'node:fs';
import { findTool } from '@slipway/local';
import type { BuilderResult } from '@slipway/shared/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callBuild, postNamed } from '../testing/build-calls.js';
import { busyboxBase } from '../testing/build-request.js';
import { type EngineService, type ServicesOnEngines, servicesOn } from '../testing/engine-service.js';
import { engineNames, isTested } from '../testing/engines.js';
import { payloadOf } from '../testing/payload.js';
import { linesOf } from '../testing/post-build.js';
import { inRegistry } from '../testing/registry-content.js';

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('a build with an id:', () => {
    let services: ServicesOnEngines;
    let service: EngineService;
    beforeAll(async () => {
      services = await servicesOn(name);
      service = await services.start({ MAX_INFLIGHT: '1' });
    });
    afterAll(() => services?.stop());

    const bodyOf = (image: string, step: string) =>
      payloadOf({
        image,
        files: {
          Dockerfile: `${busyboxBase}RUN ${step}\n`,
          busybox: readFileSync(findTool('busybox') ?? ''),
        },
      });

    /** Posts a build, reads until its step prints `ready`, and breaks the connection. Returns the number of lines read. */
    async function leaveAtReady(body: Buffer, id: string): Promise<number> {
      const client = new AbortController();
      const answer = await postNamed({ url: service.url, body, id, signal: client.signal });
      let read = 0;
      for await (const { log = [], status } of linesOf(answer)) {
        expect(status).toBe('in_progress');
        read += log.length;
        if (log.some((line) => line.startsWith('l:') && line.includes('ready'))) break;
      }
      client.abort();
      return read;
    }

    async function readFrom(id: string, from: number) {
      const lines: BuilderResult[] = [];
      for await (const line of linesOf(await callBuild({ url: service.url, id, from }))) lines.push(line);
      return {
        numbers: lines.flatMap(({ log = [], line = 0 }) => log.map((_text, at) => line + at)),
        last: lines.at(-1),
      };
    }

    test('its image is pushed once, and its log has each line, although its caller is gone', async () => {
      const image = `${services.registry}/left-${name}:1`;
      const step = 'echo ready; for i in 1 2 3 4 5; do busybox sleep 0.3; echo "tick $i"; done';
      const read = await leaveAtReady(bodyOf(image, step), 'left');
      const { numbers, last } = await readFrom('left', read);
      expect(last).toMatchObject({ status: 'success', image });
      expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, at) => read + at));
      expect(last?.line).toBe(read + numbers.length);
      if (last?.digest) expect((await inRegistry(image)).digest).toBe(last.digest);
      const whole = await readFrom('left', 0);
      expect(whole.numbers).toHaveLength(read + numbers.length);
    });

    test('it is canceled by another client, and the slot is free when that is answered', async () => {
      const image = `${services.registry}/canceled-${name}:1`;
      await leaveAtReady(bodyOf(image, 'echo ready; busybox sleep 300'), 'canceled');
      expect((await fetch(`${service.url}/ready`)).status).toBe(429);
      expect((await callBuild({ url: service.url, id: 'canceled', method: 'DELETE' })).status).toBe(204);
      expect((await fetch(`${service.url}/ready`)).status).toBe(200);
      expect((await readFrom('canceled', 0)).last).toMatchObject({ status: 'failed', code: 'canceled' });
    });
  });
});
