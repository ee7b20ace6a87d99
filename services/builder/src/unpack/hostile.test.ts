import { readdir, readFile, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ErrorCode, errorRow } from '@slipway/shared/errors';
import { contextOfPayloads, hostileArchives, hostilePayloads, linkedPayloads } from '@slipway/source/hostile';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postBuild } from '../testing/post-build.js';
import { ScriptedEngine } from '../testing/scripted-engine.js';
import { leftIn, refusalOf } from '../testing/scripted-service.js';
import { type StartedService, startService } from '../testing/start-service.js';

/** Limit of the memory that the corpora may add to this process, which holds them all and the tests. */
const maxGrowthBytes = 256 * 1024 * 1024;
const hostileNames = /^(?:evil|passwd|smuggled|target\.txt|exfil|escape|outer|etc)$/;
const payloads = hostilePayloads();
const archives = hostileArchives();
const engine = new ScriptedEngine();
let service: StartedService;
let above: string[];
let rss: number;

const namesAbove = async () =>
  (await readdir(dirname(service.workDir))).filter((name) => hostileNames.test(name));

beforeAll(async () => {
  service = await startService({ engine });
  above = await namesAbove();
  rss = process.memoryUsage.rss();
});
afterAll(() => service.stop());

/** Nothing is left of a payload, and nothing was written where none belongs. */
async function expectNothingLeft(): Promise<void> {
  expect(await leftIn(service.workDir)).toEqual([]);
  expect(await namesAbove()).toEqual(above);
  expect(engine.builds).toEqual([]);
  expect(process.memoryUsage.rss() - rss).toBeLessThan(maxGrowthBytes);
}

test.each(payloads)('a payload with $name is refused as $expected', async ({ payload, expected }) => {
  const passwd = await readFile('/etc/passwd', 'utf8');
  const response = await postBuild({ url: service.url, body: payload });
  expect(await refusalOf(response)).toEqual({ status: errorRow(expected).status, code: expected });
  await expectNothingLeft();
  expect(await readFile('/etc/passwd', 'utf8')).toBe(passwd);
});

test.each(archives)(
  'an archive in place of a payload is refused: $name ($standsFor)',
  async ({ archive }) => {
    const response = await postBuild({ url: service.url, body: archive });
    const { status, code } = await refusalOf(response);
    expect(code).toMatch(/^(?:source_|request_invalid)/);
    expect(status).toBe(errorRow(code as ErrorCode).status);
    await expectNothingLeft();
  },
);

test.each(linkedPayloads())(
  'a payload with $name is unpacked to links as they are',
  async ({ payload, context }) => {
    const found: Record<string, string> = {};
    engine.onBuild = async ({ request: { contextDir }, succeed }) => {
      for (const name of await readdir(contextDir)) {
        const path = join(contextDir, name);
        found[name] = await readlink(path).then(
          (target) => `-> ${target}`,
          () => readFile(path, 'utf8'),
        );
      }
      succeed();
    };
    const response = await postBuild({ url: service.url, body: payload });
    expect({ status: response.status, found }).toEqual({
      status: 200,
      found: { ...contextOfPayloads, ...context },
    });
    engine.builds.length = 0;
    await response.text();
    await expectNothingLeft();
  },
);
