import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, temporaryFolder } from '@slipway/local';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Answer, json, log, problem, serve, slipway } from './testing/command-line.js';
import { failed, job, succeeded } from './testing/jobs.js';

async function contextFolder() {
  const folder = await temporaryFolder();
  onTestFinished(() => folder.remove());
  writeFileSync(join(folder.path, 'Dockerfile'), 'FROM scratch\n');
  return folder.path;
}

const building = (ended: unknown): Record<string, Answer> => ({
  'POST /v1/sources': json(201, { digest: 'sha256:d', files: 1, bytes: 13 }),
  'POST /v1/jobs': json(202, job('queued')),
  'GET /v1/jobs/job_1/logs?follow=1': log('v: [1/1] RUN it', 'l: done'),
  'GET /v1/jobs/job_1?wait=30': json(200, ended),
});

describe('help', () => {
  test.each([[['--help']], [['help', 'build']], [['up', '--help']], [['status', '-h']]])(
    'of %j is on standard output, with the exit codes',
    async (argv) => {
      const { exit, out, err } = await slipway(argv);
      expect({ exit, err }).toEqual({ exit: 0, err: '' });
      expect(out).toMatch(/Usage: slipway/);
      expect(out).toMatch(/Exit codes:\n {2}0 {2}done/);
    },
  );

  test('names every command', async () => {
    const { out } = await slipway(['--help']);
    for (const name of ['up', 'build', 'webhooks', 'secrets', 'status', 'logs', 'cancel', 'demo'])
      expect(out).toMatch(new RegExp(`^ {2}${name} `, 'm'));
  });
});

describe('wrong usage', () => {
  test.each([
    [[], /Usage: slipway/],
    [['bild'], /unknown command 'bild'[\s\S]*build/],
    [['build', '--image', 'x'], /missing required argument 'folder'/],
    [['build', '.'], /no image name is given/],
    [['build', '.', '--image', 'x', '--timeout', 'soon'], /--timeout.*90s, 10m/],
    [['build', '.', '--image', 'x', '--build-arg', 'UNSET_HERE'], /--build-arg.*environment variable/],
    [['build', '.', '--image', 'x', '--vcs-repo', 'shop'], /--vcs-repo.*owner\/name/],
    [['build', '.', '--image', 'x', '--vcs-sha', 'abc1234'], /--vcs-sha.*whole commit id/],
    [['build', '.', '--image', 'x', '--vcs-repo', 'acme/shop'], /--vcs-repo needs --vcs-sha/],
    [['status', '--state', 'lost'], /--state.*Allowed choices are queued/],
    [['status', '--colour'], /unknown option '--colour'/],
    [['logs'], /missing required argument 'job'/],
    [['up', '--port', '0'], /--port.*1 to 65535/],
    [['up', '--engine', 'kaniko'], /Allowed choices are buildkit, buildah/],
  ])('%j is reported', async (argv, message) => {
    const { exit, out, err } = await slipway(argv);
    expect({ exit, out }).toEqual({ exit: 2, out: '' });
    expect(err).toMatch(message);
  });

  test('is a folder without a Dockerfile', async () => {
    const { env, asked } = await serve({});
    const folder = await contextFolder();
    mkdirSync(join(folder, 'sub'));
    const { exit, err } = await slipway(['build', join(folder, 'sub'), '--image', 'x'], env);
    expect({ exit, asked }).toEqual({ exit: 2, asked: [] });
    expect(err).toMatch(/^error: no Dockerfile in .*\n {2}What to do: Name the folder/);
  });
});

describe('the server', () => {
  test('that is not configured is requested', async () => {
    expect(await slipway(['status'])).toEqual({
      exit: 2,
      out: '',
      err: 'error: no server is named, and no `slipway up` runs on this machine\n  What to do: Start one with `slipway up`, or set SLIPWAY_URL and SLIPWAY_TOKEN for another server.\n',
    });
  });

  test('that cannot be reached is named', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { exit, err } = await slipway(['status', '--server', url, '--token', 'hush']);
    expect(exit).toBe(3);
    expect(err).toBe(
      `error: unreachable: ${url} cannot be reached: nothing listens there (ECONNREFUSED)\n  What to do: Start Slipway here with \`slipway up\`, or name another server with --server or SLIPWAY_URL.\n`,
    );
  });

  test('that refuses is reported with the reason, without the token', async () => {
    const { env } = await serve({ 'GET /v1/jobs?limit=20': problem(401, 'unauthorized') });
    const { exit, out, err } = await slipway(['status'], env);
    expect({ exit, out }).toEqual({ exit: 3, out: '' });
    expect(err).toBe(
      'error: unauthorized: what unauthorized is about\n  What to do: Set SLIPWAY_TOKEN to the API token of this server.\n',
    );
  });

  test('whose refusal names several fields is reported with all of them', async () => {
    const errors = [
      { path: '/image', message: 'is wrong\u001b[2J' },
      { path: '/labels/a', message: 'too' },
    ];
    const { env } = await serve({
      'POST /v1/jobs/job_1/cancel': problem(422, 'request_invalid', { errors }),
    });
    const { err } = await slipway(['cancel', 'job_1'], env);
    expect(err).toBe(
      'error: request_invalid: what request_invalid is about\n  /image  is wrong\n  /labels/a  too\n  What to do: do this\n',
    );
  });

  test('and its errors are JSON with --json', async () => {
    const { env } = await serve({ 'GET /v1/jobs/job_1': problem(404, 'not_found') });
    const { exit, out, err } = await slipway(['status', 'job_1', '--json'], env);
    expect({ exit, err }).toEqual({ exit: 3, err: '' });
    expect(JSON.parse(out)).toEqual({
      error: { code: 'not_found', message: 'what not_found is about', remedy: 'do this' },
    });
  });

  test('that is not a URL is wrong usage', async () => {
    const { exit, err } = await slipway(['status', '--server', 'localhost:1', '--token', 'x']);
    expect(exit).toBe(2);
    expect(err).toMatch(/not an http or https URL/);
  });

  test('that runs on this machine is found automatically, and its token goes to no other server', async () => {
    const { url, asked } = await serve({ 'GET /v1/jobs?limit=20': json(200, { jobs: [] }) });
    const other = await serve({});
    const folder = await contextFolder();
    writeFileSync(join(folder, 'token'), 'local-token\n');
    const ready = { url, token_file: join(folder, 'token'), registry: 'r' };
    writeFileSync(join(folder, 'up.json'), JSON.stringify({ up: { pid: 1, started: '' }, parts: [], ready }));
    const env = { SLIPWAY_DATA: folder };
    expect(await slipway(['status'], env)).toEqual({ exit: 0, out: '', err: 'No jobs.\n' });
    expect((await slipway(['status', '--server', `${url}/`], env)).exit).toBe(0);
    expect((await slipway(['status'], { ...env, SLIPWAY_TOKEN: 'mine' })).exit).toBe(0);
    expect(asked.map(({ token }) => token)).toEqual([
      'Bearer local-token',
      'Bearer local-token',
      'Bearer mine',
    ]);
    const elsewhere = await slipway(['status', '--server', other.url], env);
    expect(elsewhere).toMatchObject({ exit: 2, err: expect.stringContaining(`no token for ${other.url}`) });
    expect(other.asked).toEqual([]);
  });
});

describe('build', () => {
  test('uploads, submits the job, shows the log, and prints only the image to standard output', async () => {
    const { env, asked } = await serve(building(succeeded));
    const { exit, out, err } = await slipway(
      [
        ...['build', await contextFolder(), '--image', 'r.example/x:1', '--function', 'dev/x', '--no-push'],
        ...['--build-arg', 'A=1', '--build-arg', 'B=', '--platform', 'linux/amd64,linux/arm64'],
        ...['--label', 'team=a', '--timeout', '10m', '--callback', 'https://ci.example/'],
      ],
      { ...env, SLIPWAY_CALLBACK_SECRET: 'whsec_x' },
    );
    expect({ exit, out }).toEqual({ exit: 0, out: 'r.example/x:1@sha256:abc\n' });
    expect(err.split('\n')).toEqual([
      'context    1 file, 13 B',
      'source     sha256:d',
      'submitted  job_1',
      `page       ${env.SLIPWAY_URL}/jobs/job_1`,
      'v: [1/1] RUN it',
      'l: done',
      'succeeded in 2.5 s',
      '',
    ]);
    const spec = asked.find(({ call }) => call === 'POST /v1/jobs')?.body.toString() ?? '';
    expect(JSON.parse(spec)).toEqual({
      image: 'r.example/x:1',
      source: { digest: 'sha256:d' },
      push: false,
      build_args: { A: '1', B: '' },
      platforms: ['linux/amd64', 'linux/arm64'],
      function: 'dev/x',
      labels: { team: 'a' },
      timeout: 600,
      callback: { url: 'https://ci.example/', secret: 'whsec_x' },
    });
  });

  test('in CI sends the commit, except with --no-vcs', async () => {
    const { env, asked } = await serve(building(succeeded));
    const ci = { ...env, GITHUB_REPOSITORY: 'acme/shop', GITHUB_SHA: 'a'.repeat(40) };
    const folder = await contextFolder();
    const vcsOf = async (...more: string[]) => {
      await slipway(['build', folder, '--image', 'r.example/x:1', '-q', ...more], ci);
      const spec = asked.findLast(({ call }) => call === 'POST /v1/jobs')?.body.toString() ?? '';
      return (JSON.parse(spec) as { vcs?: unknown }).vcs;
    };
    expect(await vcsOf()).toEqual({ repo: 'acme/shop', sha: 'a'.repeat(40) });
    expect(await vcsOf('--vcs-sha', 'b'.repeat(40))).toEqual({ repo: 'acme/shop', sha: 'b'.repeat(40) });
    expect(await vcsOf('--no-vcs')).toBeUndefined();
  });

  test('that fails exits with 1 and shows the reason', async () => {
    const { env } = await serve(building(failed));
    const { exit, out, err } = await slipway(['build', await contextFolder(), '--image', 'x'], env);
    expect({ exit, out }).toEqual({ exit: 1, out: '' });
    expect(err).toMatch(/l: done\nfailed in 2.5 s: build_failed: step 2 ended with 1\n$/);
  });

  test('with --quiet prints only the result', async () => {
    const good = await serve(building(succeeded));
    expect(await slipway(['build', await contextFolder(), '--image', 'x', '-q'], good.env)).toEqual({
      exit: 0,
      out: 'r.example/x:1@sha256:abc\n',
      err: '',
    });
    const bad = await serve(building(failed));
    expect(await slipway(['build', await contextFolder(), '--image', 'x', '-q'], bad.env)).toEqual({
      exit: 1,
      out: '',
      err: 'l: first\nl: no such module\nfailed in 2.5 s: build_failed: step 2 ended with 1\n',
    });
  });

  test('with --json prints the job', async () => {
    const { env } = await serve(building(failed));
    const { exit, out, err } = await slipway(['build', await contextFolder(), '--image', 'x', '--json'], env);
    expect({ exit, err, job: JSON.parse(out) }).toEqual({ exit: 1, err: '', job: failed });
  });

  test('with --detach prints the id and does not wait', async () => {
    const { env, asked } = await serve(building(succeeded));
    const { exit, out } = await slipway(['build', await contextFolder(), '--image', 'x', '-d'], env);
    expect({ exit, out }).toEqual({ exit: 0, out: 'job_1\n' });
    expect(asked.map(({ call }) => call)).toEqual(['POST /v1/sources', 'POST /v1/jobs']);
  });

  test('whose source is refused submits nothing', async () => {
    const { env, asked } = await serve({ 'POST /v1/sources': problem(422, 'source_link_unsafe') });
    const { exit, err } = await slipway(['build', await contextFolder(), '--image', 'x'], env);
    expect(exit).toBe(3);
    expect(err).toMatch(/error: source_link_unsafe/);
    expect(asked).toHaveLength(1);
  });
});
