import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { startRegistry, temporaryFolder } from '@slipway/local';
import { SecretBytes } from '@slipway/shared/sealing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build, buildRequest, busyboxBase, failure, flush, output } from '../testing/build-request.js';
import { engineNames, isTested, type OpenedEngine, openEngine } from '../testing/engines.js';
import { pushOnbuildBase } from '../testing/onbuild-base.js';
import type { BuildRequest } from './engine.js';

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('a step with a mount', () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>;
    let registry: Awaited<ReturnType<typeof startRegistry>>;
    let opened: OpenedEngine;
    beforeAll(async () => {
      folder = await temporaryFolder();
      registry = await startRegistry({ dir: join(folder.path, 'registry') });
      const dir = join(folder.path, 'engine');
      opened = await openEngine({ name, dir, insecureRegistries: [registry.host] });
    });
    afterAll(async () => {
      await opened?.close();
      await registry?.stop();
      await folder?.remove();
    });

    const request = (files: Readonly<Record<string, string>>, more: Partial<BuildRequest> = {}) =>
      buildRequest({ folder: folder.path, registry: registry.host, files, push: false, ...more });
    /** The files that a step mounts have the same time and size in each build: only their content differs. */
    const outputOf = async (files: Readonly<Record<string, string>>) =>
      output((await build(opened.engine, await request(files))).log);

    const bind = '--mount=type=bind,source=app.sh,target=/app.sh';
    const show = `RUN cat /out${flush}\n`;
    test.each([
      ['plainly', `${busyboxBase}RUN ${bind} sh /app.sh > /out\n`],
      ['in lower case', `${busyboxBase}run ${bind} sh /app.sh > /out\n`],
      ['over several lines', `${busyboxBase}RUN \\\n  # a comment\n\n  ${bind} \\\n  sh /app.sh > /out\n`],
      ['in the middle of a word', `${busyboxBase}RUN --mo\\\nunt=${bind.slice(8)} sh /app.sh > /out\n`],
      [
        'in an earlier stage',
        `${busyboxBase.replace('scratch', 'scratch AS first')}RUN ${bind} sh /app.sh > /out\nFROM first\n`,
      ],
      ['behind another escape character', `# escape=\`\n${busyboxBase}RUN \`\n  ${bind} sh /app.sh > /out\n`],
    ])('sees the file of its own build: %s', async (_how, dockerfile) => {
      const mark = randomBytes(4).toString('hex');
      for (const word of ['one', 'two']) {
        const files = { Dockerfile: `${dockerfile}${show}`, 'app.sh': `echo ${word}-${mark}\n` };
        expect(await outputOf(files)).toContain(`${word}-${mark}`);
      }
    });

    test('sees the stage that it mounts as this build made it', async () => {
      const mark = randomBytes(4).toString('hex');
      const dockerfile = `FROM scratch AS made\nCOPY app.sh /app.sh\n${busyboxBase}RUN --mount=from=made,target=/made sh /made/app.sh > /out\n${show}`;
      for (const word of ['one', 'two']) {
        const files = { Dockerfile: dockerfile, 'app.sh': `echo ${word}-${mark}\n` };
        expect(await outputOf(files)).toContain(`${word}-${mark}`);
      }
    });

    test('sees the file of its own build when its base image asks for it (ONBUILD)', async () => {
      const base = `${registry.host}/onbuild-${name}:1`;
      await pushOnbuildBase({ image: base, trigger: `RUN ${bind} sh /app.sh > /out` });
      const mark = randomBytes(4).toString('hex');
      for (const word of ['one', 'two']) {
        const files = { Dockerfile: `FROM ${base}\n${show}`, 'app.sh': `echo ${word}-${mark}\n` };
        expect(await outputOf(files)).toContain(`${word}-${mark}`);
      }
    });

    // BuildKit finds such a layer by its step, on purpose, and keeps it among the builds of one tenant.
    if (name === 'buildah')
      test('with a secret leaves nothing to a build without it', async () => {
        const mount = '--mount=type=secret,id=token,required=true ';
        const using = (flags: string) => `${busyboxBase}RUN ${flags}cat /run/secrets/token > /out\n`;
        const files = { Dockerfile: using(mount) };
        const token = randomBytes(16).toString('hex');
        const secrets = new Map([['token', new SecretBytes(Buffer.from(token))]]);
        await build(opened.engine, await request(files, { secrets }));
        for (const dockerfile of [using(mount), using(''), `${using(mount)}${show}`, `${using('')}${show}`]) {
          const { code, log } = await failure(opened.engine, await request({ Dockerfile: dockerfile }));
          expect(code, dockerfile).toBe('build_failed');
          expect(log.join('\n')).not.toContain(token);
        }
        const other = new Map([['token', new SecretBytes(Buffer.from('of another tenant'))]]);
        const shown = await request({ Dockerfile: `${using(mount)}${show}` }, { secrets: other });
        expect(output((await build(opened.engine, shown)).log).join('\n')).not.toContain(token);
      });

    test('does not cost other builds their layers', async () => {
      const files = { Dockerfile: `${busyboxBase}RUN cat /proc/sys/kernel/random/uuid > /out\n${show}` };
      expect(await outputOf(files)).not.toEqual([]);
      const { log } = await build(opened.engine, await request(files));
      expect(log.join('\n')).toMatch(/CACHED|Using cache/);
    });
  });
});
