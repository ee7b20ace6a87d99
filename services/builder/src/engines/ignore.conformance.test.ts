import { lstat, lutimes, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { errorRow } from '@slipway/shared/errors';
import { folderContext, readIgnoreRules, walkContext } from '@slipway/source';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build, buildRequest, busyboxBase, failure, flush, output } from '../testing/build-request.js';
import { engineNames, isTested, type OpenedEngine, openEngine } from '../testing/engines.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder?.remove());

/** Lists what `COPY .` copied, a line a path with its type, time and mode. */
const dockerfile = `${busyboxBase}COPY . /c
RUN cd /c && busybox find . ! -name . -exec busybox stat -c '%n|%F|%Y|%a' {} +${flush}
`;

const patterns = [
  '# of many kinds',
  'busybox',
  '+page.bak',
  '**/+page.test.ts',
  '**/(auth)',
  'foo|bar',
  'a+b',
  '$money{1}',
  'node_modules/**',
  '!node_modules/kept',
  '*.log',
  '!important.log',
  'lib',
  '!**/*.py',
  '**/__pycache__',
  '/rooted//./x/..',
  'data/[a-c]?',
  'data/[[]id]',
  '  spaced  ',
  'ünï*',
  'deep/*/c',
  '!deep/b/c/keep',
  'a\\*b',
  '**/.git*',
  'dist/*',
  '!dist/web',
  'dist/web/*.map',
];
const paths = [
  ...['+page.bak', '+page.ts', 'routes/+page.test.ts', 'routes/+page.ts', 'routes/(auth)/x', 'routes/auth/x'],
  ...['foo', 'bar', 'foo|bar', 'a+b', 'aab', '$money{1}', 'node_modules/gone/i.js', 'node_modules/kept/i.js'],
  ...[
    'x.log',
    'important.log',
    'sub/x.log',
    'lib/a.py',
    'lib/b.txt',
    'lib/deep/er/c.py',
    'lib/deep/er/d.txt',
  ],
  ...[
    'src/__pycache__/x.pyc',
    'src/main.py',
    'rooted/y',
    'data/a1',
    'data/d1',
    'data/abc',
    'data/[id]',
    'data/i',
  ],
  ...[
    'spaced',
    'ünïcode/ü',
    'deep/a/c/x',
    'deep/b/c/keep',
    'deep/b/c/lost',
    'a*b',
    'axb',
    '.gitignore',
    'p/.git/c',
  ],
  ...['dist/api/x', 'dist/web/i.js', 'dist/web/i.js.map', 'dist/web/sub/x.map', 'empty/.keep'],
];

const time = new Date('2001-02-03T04:05:06Z');

interface Case {
  readonly files?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  /** The path that the request names; `Dockerfile` unless it says otherwise. */
  readonly path?: string;
  /** Paths that the image must have, and must not have. */
  readonly has?: readonly string[];
  readonly lacks?: readonly string[];
}

const cases: readonly (readonly [string, Case])[] = [
  [
    'many patterns',
    {
      files: { '.dockerignore': `${patterns.join('\n')}\n!busybox` },
      has: ['lib/deep/er/c.py', 'dist/web/i.js', 'deep/b/c/keep', 'foo', 'aab', 'src'],
      lacks: ['lib/b.txt', 'lib/deep/er/d.txt', 'dist/api', 'foo|bar', 'a+b', 'src/__pycache__', 'spaced'],
    },
  ],
  [
    'everything but Python',
    {
      files: { '.dockerignore': '*\n!busybox\n!**/*.py' },
      has: ['lib/a.py', 'lib/deep/er/c.py', 'src/main.py'],
      lacks: ['Dockerfile', '.dockerignore', 'foo', 'lib/b.txt', 'link'],
    },
  ],
  [
    'everything but one folder',
    { files: { '.dockerignore': '*\n!busybox\n!lib/deep' }, has: ['lib/deep/er/d.txt'], lacks: ['lib/a.py'] },
  ],
  [
    'an ignored link',
    { files: { '.dockerignore': 'link\nto-folder' }, has: ['foo', 'lib/a.py'], lacks: ['link', 'to-folder'] },
  ],
  [
    'an ignore file of the Dockerfile',
    {
      files: { '.dockerignore': 'lib', 'Dockerfile.dockerignore': 'dist\nDockerfile*' },
      has: ['lib/a.py', '.dockerignore'],
      lacks: ['dist', 'Dockerfile', 'Dockerfile.dockerignore'],
    },
  ],
  [
    'an empty ignore file of the Dockerfile',
    { files: { '.dockerignore': 'lib', 'Dockerfile.dockerignore': '' }, has: ['lib/a.py'] },
  ],
  [
    'a wrong file that the one of the Dockerfile replaces',
    {
      files: { '.dockerignore': '[a', 'Dockerfile.dockerignore': 'dist' },
      has: ['lib/a.py'],
      lacks: ['dist'],
    },
  ],
  [
    'an ignore file of a Dockerfile in a folder',
    {
      files: {
        'docker/prod.in': dockerfile,
        '.dockerignore': 'lib',
        'docker/prod.in.dockerignore': 'dist\ndocker',
      },
      path: 'docker/prod.in',
      has: ['lib/a.py'],
      lacks: ['dist', 'docker'],
    },
  ],
  [
    'an ignore file at the top for a Dockerfile in a folder',
    {
      files: {
        'docker/Dockerfile': dockerfile,
        '.dockerignore': 'lib',
        'Dockerfile.dockerignore': 'dist',
        'docker/.dockerignore': 'src',
      },
      path: 'docker/Dockerfile',
      has: ['dist', 'src'],
      lacks: ['lib'],
    },
  ],
  [
    'ignore files of another builder',
    { files: { '.containerignore': 'lib', 'Dockerfile.containerignore': 'lib' }, has: ['lib/a.py'] },
  ],
  [
    'a link to rules of the context',
    { files: { 'in/rules': 'lib' }, links: { '.dockerignore': 'in/rules' }, lacks: ['lib'] },
  ],
  [
    'a link to rules from the root of the context',
    { files: { 'in/rules': 'lib' }, links: { 'Dockerfile.dockerignore': '/in/rules' }, lacks: ['lib'] },
  ],
  [
    'a link to no rules, beside a file',
    { files: { '.dockerignore': 'lib' }, links: { 'Dockerfile.dockerignore': 'none' }, lacks: ['lib'] },
  ],
  ['a link to rules of the machine', { links: { '.dockerignore': '../rules' }, has: ['lib/a.py'] }],
  ['no rules', { has: ['lib/a.py'] }],
];

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('leaves out what Docker leaves out', () => {
    let opened: OpenedEngine;
    beforeAll(async () => {
      opened = await openEngine({ name, dir: join(folder.path, name), insecureRegistries: [] });
    });
    afterAll(() => opened?.close());

    /** BuildKit updates its copy of an earlier context, and a folder in which it removes something gets the time of that. */
    const timeOf = (type: string, seconds: number) =>
      name === 'buildkit' && type === 'directory' ? 'any' : String(seconds);

    async function request({ files = {}, links = {}, path = 'Dockerfile' }: Case) {
      const content = Object.fromEntries(paths.map((file) => [file, file]));
      const made = await buildRequest({
        folder: folder.path,
        registry: 'registry.invalid',
        files: { Dockerfile: dockerfile, ...content, ...files },
        push: false,
      });
      const { contextDir } = made;
      await writeFile(join(dirname(contextDir), 'rules'), 'lib\n');
      for (const [place, target] of Object.entries({ link: 'foo', 'to-folder': 'lib', ...links })) {
        await mkdir(dirname(join(contextDir, place)), { recursive: true });
        await symlink(target, join(contextDir, place));
      }
      for (const entry of await readdir(contextDir, { recursive: true }))
        await lutimes(join(contextDir, entry), time, time);
      return { ...made, dockerfile: join(contextDir, path), options: { ...made.options, dockerfile: path } };
    }

    test.each(cases)('with %s', async (_what, what) => {
      const asked = await request(what);
      const { contextDir, options } = asked;
      const expected: string[] = [];
      await walkContext({
        folder: contextDir,
        rules: await readIgnoreRules({ context: folderContext(contextDir), dockerfile: options.dockerfile }),
        onEntry: async (path, entry, kept) => {
          if (!kept) return;
          const type = entry.isDirectory()
            ? 'directory'
            : entry.isSymbolicLink()
              ? 'symbolic link'
              : 'regular file';
          const mode = ((await lstat(join(contextDir, path))).mode & 0o7777).toString(8);
          expected.push(`./${path}|${type}|${timeOf(type, time.getTime() / 1000)}|${mode}`);
        },
      });
      const log = output((await build(opened.engine, asked)).log);
      const found = log
        .filter((line) => line.startsWith('./'))
        .map((line) => {
          const [mode = '', seconds, type = '', ...path] = line
            .replace('|regular empty', '|regular')
            .split('|')
            .reverse();
          return [...path.reverse(), type, timeOf(type, Number(seconds)), mode].join('|');
        });
      expect(found.sort()).toEqual(expected.sort());
      const copied = new Set(found.map((line) => line.slice(2).replace(/\|[^|]*\|[^|]*\|[^|]*$/, '')));
      expect(what.has?.filter((path) => !copied.has(path)) ?? []).toEqual([]);
      expect(what.lacks?.filter((path) => copied.has(path)) ?? []).toEqual([]);
    });

    test('in a step that mounts the context, too', async () => {
      const mounts = `${busyboxBase}RUN --mount=type=bind,target=/src busybox ls /src/lib /src/dist${flush}\n`;
      const asked = await request({
        files: { Dockerfile: mounts, '.dockerignore': 'lib/*\n!lib/a.py\ndist/api' },
      });
      const log = output((await build(opened.engine, asked)).log);
      expect(log).toEqual(expect.arrayContaining(['a.py', 'web']));
      expect(log).not.toContain('b.txt');
      expect(log).not.toContain('api');
    });

    test.each([
      [
        { files: { '.dockerignore': 'ok\n[a' } },
        '".dockerignore" line 2: the pattern "[a" has a [ that no ] closes.',
      ],
      [
        { files: { '.dockerignore': '*\n!' } },
        '".dockerignore" line 2: the pattern "!" excepts nothing: a path must follow the !.',
      ],
      [
        { files: { 'd/File': dockerfile, 'd/File.dockerignore': 'nothing-like-it/[z-a]' }, path: 'd/File' },
        '"d/File.dockerignore" line 1: the pattern "nothing-like-it/[z-a]" has a range in brackets whose end comes before its start.',
      ],
      [
        { files: { 'in/rules': '\\y*' }, links: { '.dockerignore': 'in/rules' } },
        '".dockerignore" line 1: the pattern "\\\\y*" has an escape that means nothing: \\y.',
      ],
    ])(
      'and refuses a wrong pattern by its line before the engine starts: %j',
      async (what: Case, message) => {
        const asked = await request(what);
        const before = await readdir(asked.contextDir, { recursive: true });
        const failed = await failure(opened.engine, asked);
        expect(failed).toEqual({ code: 'ignore_file_invalid', message, log: [] });
        expect(errorRow('ignore_file_invalid')).toMatchObject({ status: 422, fault: 'user', retry: 'never' });
        expect(await readdir(asked.contextDir, { recursive: true })).toEqual(before);
      },
    );
  });
});
