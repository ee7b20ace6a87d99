import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { startRegistry, temporaryFolder } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build, buildRequest, busyboxBase, flush, output } from '../testing/build-request.js';
import { engineNames, isTested, type OpenedEngine, openEngine } from '../testing/engines.js';

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('a mount with a relative target', () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>;
    let registry: Awaited<ReturnType<typeof startRegistry>>;
    let opened: OpenedEngine;
    let base: string;
    beforeAll(async () => {
      folder = await temporaryFolder();
      registry = await startRegistry({ dir: join(folder.path, 'registry') });
      const dir = join(folder.path, 'engine');
      opened = await openEngine({ name, dir, insecureRegistries: [registry.host] });
      const made = await request(`${busyboxBase}ENV PLACE=/env\nWORKDIR /of/base\n`, true);
      base = made.image;
      await build(opened.engine, made);
    });
    afterAll(async () => {
      await opened?.close();
      await registry?.stop();
      await folder?.remove();
    });

    const request = (dockerfile: string, push = false) =>
      buildRequest({
        folder: folder.path,
        registry: registry.host,
        files: {
          Dockerfile: dockerfile,
          'app.sh': `echo "mounted in $0" # ${randomUUID()}\n`,
          'deep/app.sh': 'echo deep\n',
        },
        push,
      });
    const bind = '--mount=type=bind,source=app.sh';
    const run = (path: string) => `sh ${path}/app.sh${flush}`;

    test.each([
      ['after WORKDIR', `${busyboxBase}WORKDIR /a\nRUN ${bind},target=app.sh ${run('/a')}`, '/a'],
      [
        'after relative ones',
        `${busyboxBase}WORKDIR /a\nWORKDIR b/../c\nRUN ${bind},dst=app.sh ${run('/a/c')}`,
        '/a/c',
      ],
      ['without WORKDIR', `${busyboxBase}RUN ${bind},destination=./app.sh ${run('')}`, ''],
      ['the folder itself', `${busyboxBase}WORKDIR /a\nRUN --mount=target=. ${run('/a')}`, '/a'],
      [
        'with arguments and quotes',
        `ARG TOP=/x\n${busyboxBase}ARG TOP\nENV APP="$TOP/y"\nWORKDIR "\${APP}"\nRUN ${bind},target=app.sh ${run('/x/y')}`,
        '/x/y',
      ],
      [
        'in a stage on another one',
        `${busyboxBase.replace('scratch', 'scratch AS first')}WORKDIR /a\nFROM first AS second\nRUN ${bind},target=app.sh ${run('/a')}`,
        '/a',
      ],
      [
        'over several lines, beside others',
        `${busyboxBase}WORKDIR /a\nrun \\\n  # a comment\n  --mount=type=cache,target=cache \\\n  ${bind},target=app.sh \\\n  test -d /a/cache && ${run('/a')}`,
        '/a',
      ],
      [
        'in quotes',
        `${busyboxBase}WORKDIR /a\nRUN --mount="type=bind,source=app.sh,target=app.sh" ${run('/a')}`,
        '/a',
      ],
    ])('%s', async (_where, dockerfile, expected) => {
      const { log } = await build(opened.engine, await request(`${dockerfile}\n`));
      expect(output(log)).toContain(`mounted in ${expected}/app.sh`);
    });

    test('in the folder of its base image', async () => {
      const { log } = await build(
        opened.engine,
        await request(`FROM ${base}\nRUN ${bind},target=app.sh ${run('/of/base')}\n`),
      );
      expect(output(log)).toContain('mounted in /of/base/app.sh');
    });

    test('in a folder that a variable of its base image names, in a stage on a stage', async () => {
      const lines = [`FROM ${base} AS first`, 'ENV SUB $PLACE/sub', 'FROM first', 'WORKDIR $SUB'];
      const { log } = await build(
        opened.engine,
        await request(`${lines.join('\n')}\nRUN ${bind},target=app.sh ${run('/env/sub')}\n`),
      );
      expect(output(log)).toContain('mounted in /env/sub/app.sh');
    });

    test('changes nothing of the command', async () => {
      const words = '--mount=type=bind,target=app.sh';
      const { log } = await build(
        opened.engine,
        await request(
          `${busyboxBase}WORKDIR /a\nRUN ${bind},target=app.sh echo ${words} \\\n  ${words}${flush}\n`,
        ),
      );
      expect(output(log)).toContain(`${words} ${words}`);
    });
  });
});
