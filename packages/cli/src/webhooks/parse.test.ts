import { describe, expect, test } from 'vitest';
import { formatOf } from './format.js';
import { events, eventsText, httpUrl, since } from './parse.js';

describe('since', () => {
  test.each([
    ['90s', 90],
    ['30m', 1_800],
    ['2h', 7_200],
    ['3d', 259_200],
  ])('%s is that long ago', (text, seconds) => {
    const before = Date.now();
    const ago = before - Date.parse(since(text));
    expect(ago / 1_000).toBeGreaterThan(seconds - 60);
    expect(ago / 1_000).toBeLessThanOrEqual(seconds);
  });

  test('a time is that time, in UTC', () => {
    expect(since('2026-01-31T14:00:00Z')).toBe('2026-01-31T14:00:00.000Z');
    expect(since('2026-01-31T14:00:00.5+02:00')).toBe('2026-01-31T12:00:00.500Z');
  });

  test.each(['', '2', 'h', '2 h', 'yesterday', '2026-01-31', '2026-01-31T14:00:00', '2026-13-01T00:00:00Z'])(
    '%j is none',
    (text) => {
      expect(() => since(text)).toThrow(/30m, 2h or 3d/);
    },
  );
});

describe('events', () => {
  test('are repeated or separated by commas, each once', () => {
    expect(events('job.failed,batch.finished', events('job.failed'))).toEqual([
      'job.failed',
      'batch.finished',
    ]);
    expect(() => events('job.done')).toThrow(/Events are job\.queued/);
    expect(() => events('constructor')).toThrow(/Events are/);
    expect(() => events('')).toThrow(/Events are/);
  });

  test('are shown by kind', () => {
    expect(eventsText(['job.succeeded', 'batch.finished', 'job.failed'])).toBe(
      'job.succeeded,failed batch.finished',
    );
  });
});

describe('a format', () => {
  test.each<[object, object | undefined]>([
    [{}, undefined],
    [{ format: 'standard' }, { type: 'standard' }],
    [
      { format: 'jenkins', formatToken: 'ci' },
      { type: 'jenkins', token: 'ci' },
    ],
    [
      { format: 'github_commit_status', formatToken: 'gh', context: 'build' },
      { type: 'github_commit_status', token: 'gh', context: 'build' },
    ],
    [
      { format: 'github_dispatch', formatToken: 'gh', repo: 'a/b', eventType: 'built' },
      { type: 'github_dispatch', token: 'gh', repo: 'a/b', event_type: 'built' },
    ],
    [
      { format: 'jenkins', formatToken: 'deploy' },
      { type: 'jenkins', token: 'deploy' },
    ],
    [
      { format: 'gitlab_commit_status', formatToken: 'gl', statusName: 'build' },
      { type: 'gitlab_commit_status', token: 'gl', name: 'build' },
    ],
    [
      { format: 'gitlab_pipeline', formatToken: 'gl', project: 'a/b/c', ref: 'main' },
      { type: 'gitlab_pipeline', token: 'gl', project: 'a/b/c', ref: 'main' },
    ],
  ])('%j', (options, expected) => {
    expect(formatOf(options)).toEqual(expected);
  });

  test.each<[object, RegExp]>([
    [{ ref: 'main' }, /^--ref needs --format$/],
    [{ format: 'standard', formatToken: 'x' }, /^--format-token does not go with --format standard$/],
    [{ format: 'gitlab_pipeline', formatToken: 'x' }, /^--format gitlab_pipeline needs --project and --ref$/],
  ])('%j is wrong usage', (options, message) => {
    expect(() => formatOf(options)).toThrow(message);
  });
});

test('URLs are of http and without credentials', () => {
  expect(httpUrl('http://127.0.0.1:3000/hook').href).toBe('http://127.0.0.1:3000/hook');
  for (const text of ['3000', 'ftp://a/', 'http://user:pass@a/']) expect(() => httpUrl(text)).toThrow();
});
