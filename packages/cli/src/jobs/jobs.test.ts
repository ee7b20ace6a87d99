import { describe, expect, test } from 'vitest';
import { json, log, problem, serve, slipway } from '../testing/command-line.js';
import { failed, job, succeeded } from '../testing/jobs.js';

describe('status', () => {
  test('is a table of the latest jobs', async () => {
    const jobs = [
      failed,
      { ...succeeded, id: 'job_22', function: 'dev/x' },
      job('running', { cancel_requested: true }),
    ];
    const { env } = await serve({
      'GET /v1/jobs?limit=3&state=failed&function=x&image=r.example%2Fx&batch=batch_1&label=a%3D1': json(
        200,
        {
          jobs,
          next_cursor: 'job_0',
        },
      ),
    });
    const options = [
      '--limit',
      '3',
      '--state',
      'failed',
      '--function',
      'x',
      '--image',
      'r.example/x',
      '--batch',
      'batch_1',
      '--label',
      'a=1',
    ];
    const { exit, out, err } = await slipway(['status', ...options], env);
    expect(exit).toBe(0);
    const age = String.raw`\d+ d(?: \d+ h)?`;
    expect(out).toMatch(
      new RegExp(
        [
          '^JOB     STATE      FUNCTION  IMAGE          AGE .* TOOK   WHY',
          `job_1   failed     -         r.example/x:1  ${age} +2.5 s  build_failed`,
          `job_22  succeeded  dev/x     r.example/x:1  ${age} +2.5 s`,
          `job_1   running    -         r.example/x:1  ${age} +2.5 s  being canceled\n$`,
        ].join('\n'),
      ),
    );
    expect(err).toBe('The latest 3; --limit shows more.\n');
  });

  test('of one job says that the end of a log is not stored yet', async () => {
    const attempts = failed.attempts.map((attempt) => ({ ...attempt, log_error: 'storage_unavailable' }));
    const { env } = await serve({ 'GET /v1/jobs/job_1': json(200, { ...failed, attempts }) });
    const { out } = await slipway(['status', 'job_1'], env);
    expect(out).toContain('    the end of its log is not stored yet: storage_unavailable\n');
  });

  test('of one job shows all its fields', async () => {
    const { env } = await serve({ 'GET /v1/jobs/job_1': json(200, { ...failed, labels: { a: '1' } }) });
    const { out } = await slipway(['status', 'job_1'], env);
    expect(out.split('\n')).toEqual([
      'job_1  failed',
      '  image     r.example/x:1',
      `  source    sha256:${'1'.repeat(64)}`,
      '  labels    a=1',
      '  created   2026-01-02T03:04:05.000Z',
      '  started   2026-01-02T03:04:06.000Z',
      '  finished  2026-01-02T03:04:08.500Z',
      `  page      ${env.SLIPWAY_URL}/jobs/job_1`,
      '  attempt 1: running on http://b:1 (worker w)',
      '',
      'error: failed in 2.5 s: build_failed: step 2 ended with 1',
      '  l: first',
      '  l: no such module',
      '',
    ]);
  });

  test('of one job shows its build options, without defaults', async () => {
    const options = {
      ...{ dockerfile: 'docker/prod', target: 'release', tags: ['r.example/x:2', 'r.example/y:1'] },
      ...{ image_labels: { a: '1', b: '' }, annotations: { c: '\u001b[2Jd' }, no_cache: true, pull: true },
    };
    const usual = { dockerfile: 'Dockerfile', tags: [], image_labels: {}, no_cache: false, pull: false };
    const { env } = await serve({
      'GET /v1/jobs/job_1': json(200, { ...succeeded, ...options }),
      'GET /v1/jobs/job_2': json(200, { ...succeeded, ...usual }),
      'GET /v1/jobs/job_3': json(200, succeeded),
    });
    expect((await slipway(['status', 'job_1'], env)).out.split('\n').slice(2, 10)).toEqual([
      expect.stringMatching(/^ {2}source/),
      '  tags           r.example/x:2, r.example/y:1',
      '  Dockerfile     docker/prod',
      '  stage          release',
      '  image labels   a=1, b=',
      '  annotations    c=d',
      '  cached layers  not used',
      '  pull           always',
    ]);
    const plain = (await slipway(['status', 'job_3'], env)).out;
    expect((await slipway(['status', 'job_2'], env)).out).toBe(plain.replace('/job_3', '/job_2'));
  });

  test('as JSON is the answer of the API', async () => {
    const { env } = await serve({
      'GET /v1/jobs/job_1': json(200, failed),
      'GET /v1/jobs?limit=20': json(200, { jobs: [failed] }),
    });
    expect(JSON.parse((await slipway(['status', 'job_1', '--json'], env)).out)).toEqual(failed);
    expect(JSON.parse((await slipway(['status', '--json'], env)).out)).toEqual([failed]);
  });
});

test('status reports a requested cancel, and that the build ended first', async () => {
  const canceled = { ...succeeded, cancel_requested: true, cancel_requested_at: '2026-07-01T10:00:02.000Z' };
  const { env } = await serve({ 'GET /v1/jobs/job_1': json(200, canceled) });
  const { out } = await slipway(['status', 'job_1'], env);
  expect(out).toMatch(/cancel requested +2026-07-01T10:00:02.000Z/);
  expect(out).toContain('succeeded');
});

test('logs prints the lines, unchanged when the output is not a terminal', async () => {
  const { env } = await serve({
    'GET /v1/jobs/job_1/logs?follow=0': log('a', '\u001b[2Jb'),
    'GET /v1/jobs/job_1/logs?follow=1': log('c'),
  });
  expect(await slipway(['logs', 'job_1'], env)).toEqual({ exit: 0, out: 'a\n\u001b[2Jb\n', err: '' });
  expect(await slipway(['logs', '-f', 'job_1'], env)).toEqual({ exit: 0, out: 'c\n', err: '' });
  expect((await slipway(['logs', '-f', 'job_1', '--json'], env)).out).toBe(
    '{"attempt":1,"line":1,"text":"c"}\n',
  );
});

test('cancel reports the outcome of the job', async () => {
  const { env } = await serve({
    'POST /v1/jobs/job_1/cancel': json(200, job('canceled')),
    'POST /v1/jobs/job_2/cancel': json(202, job('running')),
    'POST /v1/jobs/job_3/cancel': problem(409, 'job_not_cancelable'),
  });
  expect(await slipway(['cancel', 'job_1'], env)).toMatchObject({ exit: 0, out: 'job_1 is canceled.\n' });
  expect((await slipway(['cancel', 'job_2'], env)).out).toMatch(/its builder stops the build/);
  expect(await slipway(['cancel', 'job_3'], env)).toMatchObject({
    exit: 3,
    err: expect.stringContaining('job_not_cancelable'),
  });
});
