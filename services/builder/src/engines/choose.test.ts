import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { temporaryFolder } from '@slipway/local';
import { createLogger } from '@slipway/shared/logger';
import { afterAll, describe, expect, test } from 'vitest';
import { isTested, openEngine, toolEnv } from '../testing/engines.js';
import { chooseEngine, type EngineOptions } from './choose.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());

const choose = (options: Partial<EngineOptions>) =>
  chooseEngine({
    engine: 'auto',
    buildkitHost: `unix://${folder.path}/nobody.sock`,
    insecureRegistries: [],
    sbomScanner: undefined,
    dockerConfig: folder.path,
    engineStateDir: join(folder.path, 'state'),
    childEnv: toolEnv(),
    configDir: folder.path,
    killGraceMs: 100,
    logger: createLogger({ name: 'test', level: 'info', destination: new PassThrough() }),
    ...options,
  });

test('with no engine at all, it says what to install', async () => {
  const childEnv = { PATH: join(folder.path, 'empty') };
  await expect(choose({ childEnv })).rejects.toThrow(/no build engine: .*buildctl.*buildah.*install/s);
});

test('a client that is too old is refused', async () => {
  const bin = join(folder.path, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'buildctl'), '#!/bin/sh\necho buildctl github.com/moby/buildkit v0.12.3 abc\n');
  await chmod(join(bin, 'buildctl'), 0o755);
  const childEnv = { PATH: `${bin}:${process.env.PATH}` };
  await expect(choose({ engine: 'buildkit', childEnv })).rejects.toThrow('v0.12.3 abc is older than 0.31.1');
});

describe.runIf(isTested('buildah'))('buildah', () => {
  test('is taken where no buildkitd answers', async () => {
    const engine = await choose({});
    expect(engine.name).toBe('buildah');
    await engine.close();
  });
});

describe.runIf(isTested('buildkit'))('BuildKit', () => {
  test('is taken where it answers, and may still be starting when it is asked for by name', async () => {
    const opened = await openEngine({
      name: 'buildkit',
      dir: join(folder.path, 'bk'),
      insecureRegistries: [],
    });
    const buildkitHost = opened.settings.BUILDKIT_HOST ?? '';
    expect((await choose({ buildkitHost })).name).toBe('buildkit');
    await opened.close();
    const engine = await choose({ engine: 'buildkit' });
    await expect(engine.check()).rejects.toMatchObject({ code: 'builder_unreachable' });
  });
});
