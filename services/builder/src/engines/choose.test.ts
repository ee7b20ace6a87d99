import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { temporaryFolder } from '@slipway/local';
import { type Env, Fields } from '@slipway/shared/config';
import { createLogger } from '@slipway/shared/logger';
import { afterAll, describe, expect, test } from 'vitest';
import { isTested, openEngine, toolEnv } from '../testing/engines.js';
import { chooseEngine, type EngineOptions } from './choose.js';
import { engineConfig } from './engines.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());

const choose = ({ settings = {}, ...options }: Partial<EngineOptions> & { readonly settings?: Env }) =>
  chooseEngine({
    ...engineConfig(
      new Fields({
        BUILDKIT_HOST: `unix://${folder.path}/missing.sock`,
        ENGINE_STATE_DIR: join(folder.path, 'state'),
        BUILDAH_TRUSTED_SOURCES: 'true',
        ...settings,
      }),
    ),
    insecureRegistries: [],
    dockerConfig: folder.path,
    childEnv: toolEnv(),
    credentialHelperEnv: [],
    configDir: folder.path,
    killGraceMs: 100,
    daemonWaitMs: 0,
    takesSecrets: true,
    logger: createLogger({ name: 'test', level: 'info', destination: new PassThrough() }),
    ...options,
  });

test('with no engine at all, it says what to install', async () => {
  const childEnv = { PATH: join(folder.path, 'empty') };
  await expect(choose({ childEnv })).rejects.toThrow(
    /no build engine: BuildKit does not answer: .*start a buildkitd.*install buildah/s,
  );
});

describe('a builder that takes build secrets', () => {
  test.each([
    ['tcp://buildkit:1234', true, [expect.stringContaining('not encrypted')]],
    ['tcp://buildkit:1234', false, []],
    ['tcp://127.0.0.1:1234', true, []],
    ['unix:///run/buildkit/buildkitd.sock', true, []],
  ])('warns if they cross a network: %s, secrets: %s', async (address, takesSecrets, warnings) => {
    const settings = { BUILDKIT_HOST: address };
    const engine = await choose({ engine: 'buildkit', settings, takesSecrets });
    expect(engine.warnings).toEqual(warnings);
  });
});

/** Returns an environment whose PATH begins with a buildah that prints a version and does nothing else. */
async function buildahSaying(version: string): Promise<Record<string, string>> {
  const bin = await mkdtemp(join(folder.path, 'bin-'));
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
      const settings = { BUILDAH_TRUSTED_SOURCES: 'false' };
      await expect(choose({ engine, childEnv, settings })).rejects.toThrow(
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
    const settings = { BUILDAH_TRUSTED_SOURCES: 'false' };
    const engine = await choose({ engine: 'buildah', childEnv, settings });
    expect(engine.warnings).toEqual([]);
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
    const { settings } = opened;
    expect((await choose({ engine: 'auto', settings })).name).toBe('buildkit');
    await opened.close();
    const starting = choose({ engine: 'auto', settings, daemonWaitMs: 60_000 });
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
