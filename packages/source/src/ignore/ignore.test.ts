import { SlipwayError } from '@slipway/shared/errors';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ignoreLimits, parseIgnoreFile } from './rules.js';
import { keptPaths, type Moby, startMoby } from './testing.js';

let moby: Moby;
beforeAll(() => {
  moby = startMoby();
});
afterAll(() => moby.close());

const parse = (file: string) => parseIgnoreFile({ content: Buffer.from(file), name: '.dockerignore' });

function failure(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

/** Compares with Docker's libraries: both keep the same files, or both refuse the file. */
async function compare(file: string, paths: readonly string[]): Promise<void> {
  const answer = await moby.ask(file, paths);
  const rules = failure(() => parse(file));
  if (answer.error !== '') {
    expect(rules, answer.error).toMatchObject({ code: 'ignore_file_invalid' });
    return;
  }
  if (rules instanceof Error) throw rules;
  expect(await keptPaths(rules as ReturnType<typeof parse>, paths)).toEqual(answer.kept);
}

const tree = [
  'Dockerfile',
  'a+b.txt',
  'aab.txt',
  'foo|bar',
  'foo',
  'foobar/x.py',
  'routes/(auth)/+page.ts',
  'routes/auth/page.ts',
  'src/deep/er/x.py',
  'src/deep/er/x.pyc',
  'src/main.py',
  'src/[id].ts',
  'src/i.ts',
  'd/1',
  'empty/',
  ' spaced ',
  'tab\tname',
  'new\nline/x',
  'back\\slash',
  'ünïcode/é.md',
  '!bang',
  '#hash',
  '$money{1}',
  '.hidden/.x',
  'node_modules/p/node_modules/q/index.js',
];

describe('an ignore file', () => {
  test.each([
    ['+page.bak\n**/+page.*'],
    ['(auth)\n**/(auth)'],
    ['foo|bar'],
    ['a+b.txt'],
    ['*\n!**/*.py'],
    ['*\n!src/**/*.py\n**/er'],
    ['**\n!src'],
    ['src\n!src/deep/er/x.py'],
    ['src/*\n!src/deep'],
    ['!src\nsrc'],
    ['src/main.py\n!src'],
    ['src/deep/er\n!src/deep\nsrc/deep/er/x.py'],
    ['/src/\n//foo//'],
    ['./src/../foo'],
    ['..\n../src\n/..\n.'],
    ['\ufeff# comment\n #no comment\n#hash'],
    ['\\#hash\n\\!bang'],
    ['! src\n  \n\t*.txt \r\nfoo\r'],
    ['/!bang'],
    ['[!a]*'],
    ['[^a]*'],
    ['src/[id].ts'],
    ['src/\\[id\\].ts'],
    ['src/[[]id].ts'],
    ['[*]oo'],
    ['[a**b]*'],
    ['[[:alpha:]]*'],
    ['[[:^alpha:]]*\n[[:punct:]]*'],
    ['\\d\n\\w/*'],
    ['\\D*/x\n\\pL*'],
    ['\\Qfoo*\\E*'],
    ['\\Qfoo'],
    ['\\bfoo\\b*\n\\Bx'],
    ['\\x41*\n\\101*\n\\t'],
    ['^foo*\n^src'],
    ['fo?\nf**r\n**r/x.py'],
    ['**/node_modules/**\n!**/q'],
    ['node_modules/**/q'],
    ['***\n****/x'],
    ['a**/**/b\nsrc**'],
    ['new*\n**/x'],
    ['new\nfoo'],
    ['\u00a0foo\u0085'],
    ['ünïcode/?.md'],
    ['ünïcode/é*'],
    ['$money{1}\n$money{?}'],
    ['back\\\\slash'],
    ['empty'],
    [''],
    ['!**'],
    ['.hidden/*\n!.hidden/.x'],
    ['a*a\\\na*[]x]\n*[a-]'],
    ['foo|b*\n(auth)|x?'],
    ['ab|\\b'],
    ['*.{py,ts}\na{2}*\n*o{2}\n{0}oo*'],
    ['fo{1,}*\n[a-f]{1,2}o?'],
    ['\\p{Lu}*\n\\P{Greek}?\n[\\p{^L}]*'],
    ['\\x{66}oo*'],
    ['src/deep/*/\n!src/deep/er/*'],
  ])('keeps what Docker keeps: %j', async (file) => {
    await compare(file, tree);
  });

  test.each([
    ['[', 1, '"["', 'has a [ that no ] closes'],
    ['ok\n\nsrc/[a-', 3, '"src/[a-"', 'has a [ that no ] closes'],
    ['[]', 1, '"[]"', 'has an incomplete class in brackets'],
    ['[a-]', 1, '"[a-]"', 'has an incomplete class in brackets'],
    ['x\\', 1, '"x\\\\"', 'ends in a backslash'],
    ['#\n!', 2, '"!"', 'excepts nothing: a path must follow the !'],
    ['!/', 1, '"!/"', 'excepts nothing: a path must follow the !'],
    ['[z-a]', 1, '"[z-a]"', 'has a range in brackets whose end comes before its start'],
    ['\\y*', 1, '"\\\\y*"', 'has an escape that means nothing: \\y'],
    ['[[:foo:]]', 1, '"[[:foo:]]"', 'has an unknown class [:foo:]'],
    ['\\pQ', 1, '"\\\\pQ"', 'has an unknown class \\p{Q}'],
    ['*{2}', 1, '"*{2}"', 'has a repetition of a repetition'],
    ['x|{2}*', 1, '"x|{2}*"', 'has a repetition of nothing'],
    ['x{1001}*', 1, '"x{1001}*"', 'has a repetition that is out of bounds: {1001}'],
  ])('is refused like by Docker, with its line: %j', async (file, line, pattern, what) => {
    const error = failure(() => parse(file)) as SlipwayError;
    expect(error).toBeInstanceOf(SlipwayError);
    expect(error.code).toBe('ignore_file_invalid');
    expect(error.message).toBe(`".dockerignore" line ${line}: the pattern ${pattern} ${what}.`);
    expect((await moby.ask(file, [])).error).not.toBe('');
  });

  const chars = fc.constantFrom(
    ...'aab.+()|{}$^-_ \t*?[]\\!#:dwQEx01é😀',
    '/',
    '/',
    '**',
    '**/',
    '/**',
    '..',
    '[ab]',
    '[^a]',
    '[a-b]',
    '\\b',
    '\\Q',
    '\\p{',
    '{1,2}',
    '{2}',
  );
  const name = fc.string({
    unit: fc.constantFrom(...'aab.+(|$^-_ []!#\\d1é😀\n'),
    minLength: 1,
    maxLength: 3,
  });
  const path = fc
    .array(
      name.filter((text) => text !== '.' && text !== '..'),
      { minLength: 1, maxLength: 4 },
    )
    .map((parts) => parts.join('/'));
  /** A pattern of a path with some characters replaced, so that many match. */
  const near = fc
    .tuple(path, fc.array(fc.tuple(fc.nat(12), chars), { maxLength: 3 }))
    .map(([text, changes]) => {
      const parts = [...text];
      for (const [at, char] of changes) parts[at % parts.length] = char;
      return parts.join('');
    });
  const pattern = fc.oneof(
    fc.array(chars, { maxLength: 8 }).map((parts) => parts.join('')),
    near,
  );
  const line = fc.tuple(
    fc.constantFrom('', '', '', '!', '! ', '/', ' '),
    pattern,
    fc.constantFrom('', '/', ' ', '\r'),
  );

  test('keeps what Docker keeps, for any content', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          line.map((parts) => parts.join('')),
          { minLength: 1, maxLength: 6 },
        ),
        fc.array(path, { minLength: 1, maxLength: 12 }),
        async (lines, paths) => {
          // A path is either a file or a folder.
          const files = paths.filter((file) => !paths.some((other) => other.startsWith(`${file}/`)));
          await compare(lines.join('\n'), [...new Set(files)]);
        },
      ),
      { numRuns: 400 },
    );
  });

  test.each([
    ['a pattern', 'x'.repeat(ignoreLimits.patternBytes + 1), 'is longer than 4096 bytes'],
    ['patterns', 'x\n'.repeat(ignoreLimits.patterns + 1), 'holds more than 10000 patterns'],
    ['bytes', '#\n'.repeat(ignoreLimits.bytes / 2 + 1), 'is larger than 1048576 bytes'],
    ['repetitions', `${'[a-f]{1000}'.repeat(15)}\n`.repeat(40), 'holds patterns that repeat too much'],
    ['repetitions in a pattern', '[a-f]{1000}'.repeat(21), 'repeats too much'],
    ['bytes in a line', `#${'x'.repeat(65_536)}`, 'is longer than 65535 bytes'],
  ])('is refused with too many %s', (_what, file, message) => {
    expect(failure(() => parse(file))).toMatchObject({
      code: 'ignore_file_invalid',
      message: expect.stringContaining(message),
    });
  });

  test('that would never finish with backtracking takes few steps', async () => {
    const file = `${'*a'.repeat(30)}b\n${'**/a'.repeat(20)}?x\n${'[[:alpha:]]*'.repeat(50)}b`;
    const rules = parse(file);
    const path = `${'a'.repeat(200)}!`;
    expect(rules.decide(path, undefined).ignored).toBe(false);
    expect(rules.steps).toBeLessThan(200 * file.length);
    await compare(file, [path]);
  });

  test('that would stall a builder is refused', () => {
    const rules = parse(`${'*'.repeat(4000).replaceAll('**', '*?')}b\n`.replaceAll('?', 'a').repeat(100));
    const path = `${'a'.repeat(4000)}/ab`;
    expect(failure(() => rules.decide(path, undefined))).toMatchObject({
      code: 'ignore_file_invalid',
      message: expect.stringContaining('".dockerignore" takes too long to compare with the files'),
    });
    expect(rules.steps).toBeLessThan(ignoreLimits.pathSteps + 10_000);
  });
});
