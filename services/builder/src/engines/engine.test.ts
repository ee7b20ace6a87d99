import { join } from 'node:path';
import { type RegistryHandle, startRegistry, temporaryFolder } from '@slipway/local';
import { SlipwayError } from '@slipway/shared/errors';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  busyboxBase as base,
  build,
  buildRequest,
  failure,
  flush,
  output,
} from '../testing/build-request.js';
import { engineNames, isTested, type OpenedEngine, openEngine } from '../testing/engines.js';
import { processesWith } from '../testing/processes.js';
import { inRegistry } from '../testing/registry-content.js';
import type { BuildEngine } from './engine.js';
import { ownPlatform } from './platform.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let registry: RegistryHandle;
beforeAll(async () => {
  folder = await temporaryFolder();
  registry = await startRegistry({ dir: join(folder.path, 'registry') });
});
afterAll(async () => {
  await registry?.stop();
  await folder?.remove();
});

const request = (dockerfile: string) =>
  buildRequest({ folder: folder.path, registry: registry.host, files: { Dockerfile: dockerfile } });

/** The quick part of the contract, for `npm test`. The suite `engines` has the rest. */
describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('keeps the contract of an engine:', () => {
    let opened: OpenedEngine;
    let engine: BuildEngine;
    beforeAll(async () => {
      opened = await openEngine({
        name,
        dir: join(folder.path, name),
        insecureRegistries: [registry.host],
      });
      engine = opened.engine;
    });
    afterAll(() => opened?.close());

    test('it pushes what it builds, and says the digest that the registry reports', async () => {
      const what = await request(`${base}RUN echo hello${flush}\nENTRYPOINT ["/bin/busybox"]\n`);
      const { digest, log } = await build(engine, what);
      expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      const pushed = await inRegistry(what.image);
      expect(pushed.digest).toBe(digest);
      expect(pushed.config?.config.Entrypoint).toEqual(['/bin/busybox']);
      expect(`${pushed.config?.os}/${pushed.config?.architecture}`).toBe(ownPlatform);
      expect(output(log)).toContain('hello');
      for (const line of log) expect(line).toMatch(/^[vsl]: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ /);
      expect(log.some((line) => /^v: \S+ .*RUN echo hello; .* \d+\.\d\ds$/.test(line))).toBe(true);
    });

    test('a step that fails is the user’s failure, with what it printed in the log', async () => {
      const what = await request(`${base}RUN echo out; echo err >&2${flush}; exit 3\n`);
      const { code, message, log } = await failure(engine, what);
      expect(code).toBe('build_failed');
      expect(message).toContain('echo out; echo err >&2; ');
      expect(output(log)).toEqual(expect.arrayContaining(['out', 'err']));
    });

    test('an aborted build rejects with the reason, and nothing of it is left', async () => {
      const marker = ['sleep', `98765${process.pid}`];
      const stop = new AbortController();
      const reason = new SlipwayError('timed_out');
      const running = build(engine, await request(`${base}RUN busybox ${marker.join(' ')}\n`), stop.signal);
      onTestFinished(async () => {
        stop.abort();
        await running.catch(() => {});
      });
      await expect.poll(() => processesWith(...marker)).not.toEqual([]);
      stop.abort(reason);
      await expect(running).rejects.toBe(reason);
      await expect.poll(() => processesWith(...marker)).toEqual([]);
      // And the next one works.
      await build(engine, await request(`${base}RUN echo next\n`));
    });
  });
});
