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
    buildkitHost: `unix://${folder.path}/missing.sock`,
    insecureRegistries: [],
    sbomScanner: undefined,
    dockerConfig: folder.path,
    engineStateDir: join(folder.path, 'state'),
    buildahTrustedSources: true,
    childEnv: toolEnv(),
    credentialHelperEnv: [],
    configDir: folder.path,
    killGraceMs: 100,
    buildkitWaitMs: 0,
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

/** A folder in front of the PATH with a buildah that says a version and does nothing else. */
async function buildahSaying(version: string): Promise<Record<string, string>> {
  const bin = join(folder.path, `buildah-${version.replace(/\W/g, '-')}`);
  await mkdir(bin);
  const store = `${folder.path}\noverlay`;
  const script = `#!/bin/sh\ncase "$*" in *--version*) echo '${version}';; *info*) echo '${store}';; esac\n`;
  await writeFile(join(bin, 'buildah'), script);
  await chmod(join(bin, 'buildah'), 0o755);
  return { PATH: `${bin}:/usr/bin:/bin` };
}

describe('a buildah without the fixes that keep a Dockerfile away from the machine', () => {
  test.each([
    'buildah version 1.28.2 (image-spec 1.1.0-rc2, runtime-spec 1.0.2-dev)',
    'buildah version 1.38.0 (image-spec 1.1.0, runtime-spec 1.2.0)',
    'buildah version 1.38.1-rc1 (image-spec 1.1.0)',
    'no version at all',
  ])('stops the start: %s', async (said) => {
    const childEnv = await buildahSaying(said);
    for (const engine of ['buildah', 'auto'] as const) {
      await expect(choose({ engine, childEnv, buildahTrustedSources: false })).rejects.toThrow(
        /1\.38\.1.*BUILDAH_TRUSTED_SOURCES=true/s,
      );
    }
    const trusted = await choose({ engine: 'buildah', childEnv });
    expect(trusted.warnings).toEqual([expect.stringContaining('as root')]);
  });

  test.each([
    'buildah version 1.38.1 (image-spec 1.1.0, runtime-spec 1.2.0)',
    'buildah version 1.42.0-dev (image-spec 1.1.1)',
    'buildah version 2.0.0',
  ])('is none with %s', async (said) => {
    const childEnv = await buildahSaying(said);
    const engine = await choose({ engine: 'buildah', childEnv, buildahTrustedSources: false });
    expect(engine.warnings).toEqual([]);
    expect(engine.isIsolated).toBe(false);
  });
});

describe.runIf(isTested('buildah'))('buildah', () => {
  test('is taken where no buildkitd answers, which the log says', async () => {
    const destination = new PassThrough();
    const engine = await choose({ logger: createLogger({ name: 'test', level: 'info', destination }) });
    expect(engine.name).toBe('buildah');
    expect(String(destination.read())).toContain('buildah builds instead');
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
    const starting = choose({ buildkitHost: opened.settings.BUILDKIT_HOST ?? '', buildkitWaitMs: 60_000 });
    const again = await openEngine({
      name: 'buildkit',
      dir: join(folder.path, 'bk'),
      insecureRegistries: [],
    });
    expect((await starting).name).toBe('buildkit');
    await again.close();
    const engine = await choose({ engine: 'buildkit' });
    await expect(engine.check()).rejects.toMatchObject({ code: 'engine_unreachable' });
  });
});
