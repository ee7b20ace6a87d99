import type { Job } from '@slipway/client';
import { freePort } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProgram } from '../program.js';
import { imageDigest } from '../registry.js';
import { type Stack, startStack } from '../stack.js';
import { githubSteps, gitlabSteps, jenkinsSteps, type Step } from './examples.js';
import { makeRepository, runSteps } from './runner.js';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());

interface Pipeline {
  readonly name: string;
  readonly steps: () => Step[];
  /** The file in which the pipeline writes the image with its digest. */
  readonly result: string;
  /** The built image in the registry. `commit` stands for the commit. */
  readonly image: string;
  readonly system: 'github' | 'gitlab' | 'jenkins';
}

const pipelines: Pipeline[] = [
  ...(['one-image', 'one-image-without-slipway'] as const).flatMap((job): Pipeline[] => [
    {
      name: `GitHub Actions, ${job}`,
      steps: () => githubSteps(job),
      result: 'summary',
      image: 'hello:commit',
      system: 'github',
    },
    {
      name: `GitLab CI, ${job}`,
      steps: () => gitlabSteps(job),
      result: 'build.env',
      image: 'hello:commit',
      system: 'gitlab',
    },
  ]),
  {
    name: 'GitHub Actions, functions',
    steps: () => githubSteps('functions'),
    result: 'summary',
    image: 'stack:1',
    system: 'github',
  },
  {
    name: 'GitLab CI, functions',
    steps: () => gitlabSteps('functions'),
    result: 'images.txt',
    image: 'stack:1',
    system: 'gitlab',
  },
  ...(['Image', 'Image without slipway'] as const).map(
    (stage): Pipeline => ({
      name: `Jenkins, ${stage}`,
      steps: () => jenkinsSteps(stage),
      result: 'image.txt',
      image: 'hello:commit',
      system: 'jenkins',
    }),
  ),
  {
    name: 'Jenkins, Functions',
    steps: () => jenkinsSteps('Functions'),
    result: 'images.txt',
    image: 'stack:1',
    system: 'jenkins',
  },
];

describe.each(pipelines)('$name', ({ name, steps, result, image, system }) => {
  const slug = name.toLowerCase().replace(/[^a-z]+/g, '-');
  const sha = Buffer.from(slug).toString('hex').padEnd(40, '0').slice(-40);
  const run = (line: string, settings: { token?: string } = {}) => {
    const SLIPWAY_URL = stack.url;
    const SLIPWAY_TOKEN = settings.token ?? stack.token;
    const REGISTRY = `${stack.registry}/${slug}`;
    const systems = {
      github: { GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'acme/shop', GITHUB_SHA: 'f'.repeat(40) },
      gitlab: { CI_PROJECT_PATH: 'acme/shop', CI_COMMIT_SHA: sha },
      jenkins: { VCS_REPO: 'acme/shop', GIT_COMMIT: sha },
    };
    return runSteps({
      steps: steps(),
      repository: makeRepository(line),
      env: {
        SLIPWAY_DATA: '/no/such/folder',
        ...(system !== 'github' && { SLIPWAY_URL, SLIPWAY_TOKEN, REGISTRY }),
        ...systems[system],
      },
      values: {
        'vars.SLIPWAY_URL': SLIPWAY_URL,
        'vars.REGISTRY': REGISTRY,
        'secrets.SLIPWAY_TOKEN': SLIPWAY_TOKEN,
        'github.event.pull_request.head.sha': sha,
        'github.sha': 'f'.repeat(40),
      },
    });
  };

  test('ends with 0 once the image is in the registry, and prints the image to deploy', async () => {
    const { exit, log, file } = await run(`RUN echo built for ${slug}`);
    expect({ exit, log }).toMatchObject({ exit: 0 });
    const reference = `${stack.registry}/${slug}/${image.replace('commit', sha)}`;
    const digest = await imageDigest(reference);
    expect(digest).toMatch(/^sha256:/);
    expect(file(result)).toContain(`${reference}@${digest}`);
    const answer = await stack.call(`/v1/jobs?image=${encodeURIComponent(reference)}`);
    const { jobs } = (await answer.json()) as { jobs: Job[] };
    expect(jobs).toMatchObject([{ state: 'succeeded', vcs: { repo: 'acme/shop', sha } }]);
    expect(log).not.toContain(stack.token);
  });

  test('ends with 1 when the build fails, and shows the step and the reason', async () => {
    const { exit, log } = await run(`RUN echo ${slug}: no such module >&2; exit 3`);
    expect({ exit, log }).toMatchObject({ exit: 1 });
    expect(log).toMatch(new RegExp(`^.*l: .*${slug}: no such module$`, 'm'));
    expect(log).toContain('build_failed');
    expect(log).not.toContain(stack.token);
  });

  test('ends with 3 when the server refuses', async () => {
    const { exit, log } = await run('RUN true', { token: 'not-the-token' });
    expect({ exit, log }).toMatchObject({ exit: 3, log: expect.stringContaining('unauthorized') });
    expect(log).not.toContain('not-the-token');
  });
});

describe('slipway-build.sh', () => {
  const start = (line: string, url = stack.url) =>
    startProgram('bash', ['ci/slipway-build.sh', 'hello', `${stack.registry}/script:1`], {
      cwd: makeRepository(line),
      env: { SLIPWAY_URL: url, SLIPWAY_TOKEN: stack.token },
    });

  test('cancels the job when the runner stops the script', async () => {
    const script = start('RUN echo it has begun; sleep 600');
    await script.said(/^submitted job_/m);
    const id = /job_\w+/.exec(script.err())?.[0] ?? '';
    const state = async () => ((await (await stack.call(`/v1/jobs/${id}`)).json()) as Job).state;
    await expect.poll(state).toBe('running');
    script.kill('SIGTERM');
    expect(await script.ended).toMatchObject({ exit: 1, out: '' });
    await expect.poll(state).toBe('canceled');
  });

  test('ends with 3 when the server is unreachable', async () => {
    const { exit, out, err } = await start('RUN true', `http://127.0.0.1:${await freePort()}`).ended;
    expect({ exit, out, err }).toEqual({
      exit: 3,
      out: '',
      err: expect.stringContaining('Failed to connect'),
    });
  });
});
