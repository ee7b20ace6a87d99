import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { SlipwayError } from '@slipway/shared/errors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busyboxBase as base, buildRequest, flush, output } from '../testing/build-request.js';
import { engineNames, isTested, type OpenedEngine, openEngine } from '../testing/engines.js';

const mark = 'only-on-the-machine-of-the-builder';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
/** A folder of the machine, beside the contexts: a file with the mark, and rules that leave `kept` out. */
let machine: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  machine = join(folder.path, 'machine');
  await mkdir(machine);
  await writeFile(join(machine, 'secret'), `${mark}\n`);
  await writeFile(join(machine, 'rules'), 'kept\n');
});
afterAll(() => folder?.remove());

/** Ends the stage with a step that says whether the mark is anywhere in the image. */
const search = `RUN /bin/busybox grep -rl '[o]nly${mark.slice(4)}' /bin /copied /etc /home ; echo searched${flush}\n`;

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('keeps links of a context inside of it:', () => {
    let opened: OpenedEngine;
    beforeAll(async () => {
      opened = await openEngine({ name, dir: join(folder.path, name), insecureRegistries: [] });
    });
    afterAll(() => opened?.close());

    /** Builds a context with links, and returns its log or the error that it ended with. */
    async function outcomeOf(dockerfile: string, links: Readonly<Record<string, string>>) {
      const request = await buildRequest({
        folder: folder.path,
        registry: '127.0.0.1:1',
        files: { Dockerfile: `${base}${dockerfile}`, kept: 'x', 'in/side': 'inside\n' },
        push: false,
      });
      for (const [path, target] of Object.entries(links)) {
        const place = join(request.contextDir, path);
        await mkdir(dirname(place), { recursive: true });
        await rm(place, { force: true });
        await symlink(target, place);
      }
      const log: string[] = [];
      const run = { signal: new AbortController().signal, onLog: (line: string) => log.push(line) };
      const error = await opened.engine.build(request, run).then(
        () => undefined,
        (reason) => reason,
      );
      return { error, said: [output(log).join('\n'), String(error?.message ?? '')].join('\n') };
    }

    test('a link that nothing copies harms no build', async () => {
      const links = {
        '.venv/bin/python': `${machine}/secret`,
        'node_modules/@a/lib': '../../../lib',
        self: 'self',
      };
      const { error, said } = await outcomeOf(`COPY kept /kept\nRUN echo built${flush}\n`, links);
      expect(error).toBeUndefined();
      expect(said).toContain('built');
    });

    test('a file of the context is found in the image', async () => {
      const own = `RUN /bin/busybox mkdir /copied && echo ${mark} > /copied/own\n`;
      const { said } = await outcomeOf(`${own}${search}`, {});
      expect(said.split('\n')).toContain('/copied/own');
    });

    test.each([
      ['COPY x /copied/', 'secret'],
      ['ADD x /copied/', 'secret'],
      ['COPY x /copied/x', 'secret'],
      ['COPY x/ /copied/', ''],
      ['ADD x/ /copied/', ''],
      ['COPY x/secret /copied/', ''],
      ['COPY x/sec* /copied/', ''],
      ['COPY x/. /copied/', ''],
      ['COPY . /copied/', 'secret'],
      ['COPY y /copied/', ''],
      ['COPY y/x/secret /copied/', ''],
      ['COPY --from=copier /all /copied', ''],
    ])('%s of a link to /…/%s copies no file of the machine', async (instruction, file) => {
      const copier = `FROM scratch AS copier\nCOPY . /all\n${base}`;
      for (const target of [
        join(machine, file),
        join('../../machine', file),
        `../../../../../../../..${join(machine, file)}`,
      ]) {
        const { error, said } = await outcomeOf(
          `${instruction.includes('copier') ? copier : ''}${instruction}\n${search}`,
          { x: target, y: '.', 'deep/z': target },
        );
        if (error) expect(error).toBeInstanceOf(SlipwayError);
        else expect(said).toContain('searched');
        expect(said.split('\n').filter((line) => /^\/\w+\//.test(line))).toEqual([]);
      }
    });

    test.each(['.dockerignore', '.containerignore', 'Dockerfile.dockerignore', 'Dockerfile.containerignore'])(
      'a %s that leads out applies no rules of the machine',
      async (path) => {
        for (const target of [join(machine, 'rules'), '../../machine/rules']) {
          const { error, said } = await outcomeOf(`COPY . /copied\nRUN echo "$(echo /copied/k*)"${flush}\n`, {
            [path]: target,
          });
          if (error) expect(error).toBeInstanceOf(SlipwayError);
          else expect(said).toContain('/copied/kept');
        }
      },
    );
  });
});
