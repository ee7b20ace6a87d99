import { describe, expect, test } from 'vitest';
import { vcsOf } from './vcs.js';

const sha = 'a'.repeat(40);
const other = 'b'.repeat(64);

describe('the commit that is built', () => {
  test.each([
    ['of GitHub', {}, { GITHUB_REPOSITORY: 'acme/shop', GITHUB_SHA: sha }, { repo: 'acme/shop', sha }],
    [
      'of GitLab, in a subgroup',
      {},
      { CI_PROJECT_PATH: 'acme/web/shop', CI_COMMIT_SHA: other },
      { repo: 'acme/web/shop', sha: other },
    ],
    [
      'of Jenkins, with a repository',
      { vcsRepo: 'acme/shop' },
      { GIT_COMMIT: sha },
      { repo: 'acme/shop', sha },
    ],
    ['of Jenkins alone: nothing', {}, { GIT_COMMIT: sha }, undefined],
    [
      'as the options say, over the environment',
      { vcsRepo: 'acme/fork', vcsSha: other },
      { GITHUB_REPOSITORY: 'acme/shop', GITHUB_SHA: sha },
      { repo: 'acme/fork', sha: other },
    ],
    [
      'the commit alone given',
      { vcsSha: other },
      { GITHUB_REPOSITORY: 'acme/shop', GITHUB_SHA: sha },
      { repo: 'acme/shop', sha: other },
    ],
    ['half of what it takes: nothing', {}, { GITHUB_REPOSITORY: 'acme/shop' }, undefined],
    ['a short commit id: nothing', {}, { GITHUB_REPOSITORY: 'acme/shop', GITHUB_SHA: 'abc1234' }, undefined],
    [
      'of the next system where one is malformed',
      {},
      { GITHUB_REPOSITORY: 'shop', GITHUB_SHA: sha, CI_PROJECT_PATH: 'a/b', CI_COMMIT_SHA: other },
      { repo: 'a/b', sha: other },
    ],
    ['not of two systems', {}, { GITHUB_REPOSITORY: 'acme/shop', CI_COMMIT_SHA: sha }, undefined],
    ['unwanted', { vcs: false }, { GITHUB_REPOSITORY: 'acme/shop', GITHUB_SHA: sha }, undefined],
    ['outside of CI', {}, {}, undefined],
  ])('%s', (_, options, env, expected) => {
    expect(vcsOf({ vcs: true, ...options }, env)).toEqual(expected);
  });

  test.each([
    [{ vcsRepo: 'acme/shop' }, /--vcs-repo needs --vcs-sha/],
    [{ vcsSha: sha }, /--vcs-sha needs --vcs-repo/],
    [{ vcs: false, vcsSha: sha }, /--no-vcs goes with neither/],
  ])('%j is wrong usage', (options, message) => {
    expect(() => vcsOf({ vcs: true, ...options }, {})).toThrow(message);
  });
});
