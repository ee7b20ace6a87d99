import { execFileSync } from 'node:child_process';
import { temporaryFolder } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeFiles } from '../testing/stack-project.js';
import { gitFacts, imageName, type TagMode } from './image-name.js';
import { buildArguments, mergeLists } from './plan.js';
import { wildcard } from './shell-pattern.js';

describe('build arguments', () => {
  test.each([
    [{ own: {}, given: {}, packages: [] }, { ADDITIONAL_PACKAGE: '' }],
    [
      { own: { A: '1', B: '1' }, given: { B: '2' }, packages: [] },
      { A: '1', B: '2', ADDITIONAL_PACKAGE: '' },
    ],
    [
      { own: { ADDITIONAL_PACKAGE: ' zlib  curl ' }, given: {}, packages: ['make', 'gcc', 'make', 'curl'] },
      { ADDITIONAL_PACKAGE: 'curl gcc make zlib' },
    ],
    [
      { own: { ADDITIONAL_PACKAGE: 'curl' }, given: { ADDITIONAL_PACKAGE: 'git' }, packages: ['make'] },
      { ADDITIONAL_PACKAGE: 'git make' },
    ],
  ])('%j', (arguments_, wanted) => {
    expect(buildArguments(arguments_)).toEqual(wanted);
  });

  test('lists of the command line go first', () => {
    expect(mergeLists(['a', 'b'], ['c', 'a'])).toEqual(['c', 'a', 'b']);
  });
});

test.each([
  ['*', 'any', true],
  ['', 'any', false],
  ['fn', 'fn', true],
  ['fn', 'fn1', false],
  ['fn*', 'fn1', true],
  ['*fn*1', 'my-fn-x1', true],
  ['*.js', 'ajs', false],
  ['a?', 'ab', false],
])('the filter %j and the name %j: %j', (filter, name, fits) => {
  expect(wildcard(filter).test(name)).toBe(fits);
});

describe('the image', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
      cwd: folder.path,
    })
      .toString()
      .trim();
  beforeAll(async () => {
    folder = await temporaryFolder();
    writeFiles(folder.path, { 'fn/b.js': 'b', 'fn/a/c.js': 'c', 'fn/link': '-> b.js' });
    git('init', '--quiet', '--initial-branch=trunk');
    git('add', '.');
    git('commit', '--quiet', '-m', 'x');
    git('tag', 'v1');
  });
  afterAll(() => folder.remove());
  const name = (image: string, mode: TagMode) =>
    imageName({ image, mode, handler: `${folder.path}/fn`, git: gitFacts(folder.path) });

  test('is named by the tag mode', async () => {
    const sha = git('rev-parse', '--short', 'HEAD');
    expect(await name('r.example:5000/fn', 'latest')).toBe('r.example:5000/fn:latest');
    expect(await name('fn:1', 'latest')).toBe('fn:1');
    expect(await name('fn:1', 'sha')).toBe(`fn:1-${sha}`);
    expect(await name('r.example:5000/fn', 'branch')).toBe(`r.example:5000/fn:latest-trunk-${sha}`);
    expect(await name('fn:1', 'describe')).toBe('fn:1-v1');
    // The output of faas-cli --tag digest for the same folder.
    expect(await name('r.example:5000/fn:1', 'digest')).toBe(
      'r.example:5000/fn:2f8d6510067d536737bdf650f3ab7e86',
    );
  });

  test('needs a git repository for tags from git', async () => {
    const bare = await temporaryFolder();
    const named = imageName({ image: 'fn', mode: 'sha', handler: bare.path, git: gitFacts(bare.path) });
    await expect(named).rejects.toThrow(/git rev-parse: /);
    await bare.remove();
  });
});
