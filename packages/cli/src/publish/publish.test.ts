import { temporaryFolder } from '@slipway/local';
import { startGitServer } from '@slipway/shared/git/testing';
import { generateKeyPair, openSecrets, parseSealedSecrets } from '@slipway/shared/sealing';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Answer, json, problem, serve, slipway } from '../testing/command-line.js';
import { writeFiles } from '../testing/stack-project.js';

const id = `batch_${'0'.repeat(26)}`;
const at = (second: number) => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000Z`;

beforeEach(async () => {
  const folder = await temporaryFolder();
  const before = process.cwd();
  onTestFinished(() => {
    process.chdir(before);
    return folder.remove();
  });
  process.chdir(folder.path);
  writeFiles(folder.path, {
    'stack.yml':
      'provider: { name: openfaas }\nfunctions:\n' +
      '  one: { lang: dockerfile, handler: ./one, image: "r.example/one:1", build_args: { A: 1.10 } }\n' +
      '  two: { lang: dockerfile, handler: ./two, image: r.example/two, namespace: dev, platforms: linux/arm64 }\n' +
      '  same: { lang: dockerfile, handler: ./one, image: r.example/same }\n',
    'one/Dockerfile': 'FROM scratch\n',
    'two/Dockerfile': 'FROM scratch\n# two\n',
  });
});

const uploaded = `sha256:${'1'.repeat(64)}`;

const counts = (given: object) => ({ queued: 0, running: 0, succeeded: 0, failed: 0, canceled: 0, ...given });
const batch = (state: string, given: object) => ({
  ...{ id, state, total: 3, counts: counts(given), on_failure: 'continue', labels: {}, created_at: at(0) },
  ...(state === 'finished' && { finished_at: at(9) }),
});
const stream =
  (...events: readonly (readonly [string, object])[]): Answer =>
  (res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const [index, [event, data]] of events.entries()) {
      res.write(`id: ${index}-1\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
    res.end();
  };
const change = (name: string, state: string, second: number, more: object = {}) =>
  [
    'job',
    {
      ...{ id: `job_${name}`, state, version: second, at: at(second), image: `r.example/${name}:1` },
      ...{ function: `openfaas-fn/${name}`, ...more },
    },
  ] as const;
const jobs = (state: string, ...found: readonly object[]): Record<string, Answer> => ({
  [`GET /v1/batches/${id}/jobs?limit=200&state=${state}`]: json(200, { jobs: found }),
});
const built = (name: string) => ({
  ...{ id: `job_${name}`, image: `r.example/${name}:1`, attempts: [], state: 'succeeded' },
  result: { image: `r.example/${name}:1`, digest: `sha256:${name}`, duration_ms: 1 },
});

const accepting = (...events: readonly (readonly [string, object])[]): Record<string, Answer> => ({
  'POST /v1/sources': json(201, { digest: uploaded, files: 1, bytes: 1 }),
  'POST /v1/batches': json(202, batch('running', { queued: 3 })),
  [`GET /v1/batches/${id}/events`]: stream(...events),
});
const allGood = {
  ...accepting(
    ['batch', batch('running', { queued: 3 })],
    change('one', 'running', 1),
    change('one', 'succeeded', 3),
    change('two', 'succeeded', 4, { cached: true }),
    change('same', 'running', 4),
    change('same', 'succeeded', 5),
    ['batch.finished', batch('finished', { succeeded: 3 })],
  ),
  ...jobs('succeeded', built('same'), built('two'), built('one')),
};
const oneBad = {
  ...accepting(
    ['batch', batch('running', { queued: 3 })],
    change('one', 'running', 1),
    change('one', 'failed', 3, { code: 'build_failed', detail: 'step 2 ended with 1' }),
    change('one', 'failed', 3, { code: 'build_failed', detail: 'step 2 ended with 1' }),
    change('two', 'canceled', 4, { code: 'batch_stopped', detail: 'Another job has failed.' }),
    change('same', 'succeeded', 5),
    ['batch.finished', batch('finished', { succeeded: 1, failed: 1, canceled: 1 })],
  ),
  ...jobs('failed', {
    ...{
      id: 'job_one',
      image: 'r.example/one:1',
      function: 'openfaas-fn/one',
      attempts: [],
      state: 'failed',
    },
    error: {
      code: 'build_failed',
      detail: 'step 2 ended with 1',
      log_tail: ['v: [2/2] RUN make', 'no make'],
    },
  }),
  ...jobs('succeeded', built('same')),
};
const submittedBody = (asked: Awaited<ReturnType<typeof serve>>['asked']) =>
  JSON.parse(asked.find(({ call }) => call === 'POST /v1/batches')?.body.toString() ?? '{}');

describe('publish', () => {
  test('uploads each source once, submits one batch, reports each job, and prints the images', async () => {
    const { env, asked } = await serve(allGood);
    const { exit, out, err } = await slipway(
      [
        ...['publish', '--parallel', '2', '--skip-unchanged', '--on-failure', 'stop', '--label', 'run=7'],
        ...[
          '--build-arg',
          'B=2',
          '--priority',
          'low',
          '--timeout',
          '5m',
          '--callback',
          'https://ci.example/',
        ],
      ],
      { ...env, SLIPWAY_CALLBACK_SECRET: 'whsec_x' },
    );
    expect({ exit, out }).toEqual({
      exit: 0,
      out: 'r.example/one:1@sha256:one\nr.example/two:1@sha256:two\nr.example/same:1@sha256:same\n',
    });
    expect(err.split('\n')).toEqual([
      'stack      3 functions, 45 B of sources',
      'sources    2 uploaded (32 B)',
      `batch      ${id}`,
      `page       ${env.SLIPWAY_URL}/batches/${id}`,
      '[1/3] openfaas-fn/one succeeded in 2.0 s',
      '[2/3] openfaas-fn/two unchanged',
      '[3/3] openfaas-fn/same succeeded in 1.0 s',
      '3 functions succeeded in 9.0 s',
      '',
    ]);
    expect(asked.filter(({ call }) => call === 'POST /v1/sources')).toHaveLength(2);
    expect(submittedBody(asked)).toMatchObject({
      ...{ on_failure: 'stop', max_running: 2, labels: { run: '7' }, dry_run: false },
      callback: { url: 'https://ci.example/', secret: 'whsec_x' },
      defaults: { push: true, priority: 'low', timeout: 300, skip_if_unchanged: true, labels: { run: '7' } },
      items: [
        {
          ...{ function: 'one', image: 'r.example/one:1' },
          build_args: { A: '1.10', B: '2', ADDITIONAL_PACKAGE: '' },
        },
        { function: 'dev/two', image: 'r.example/two:latest', platforms: ['linux/arm64'] },
        { function: 'same', image: 'r.example/same:latest' },
      ],
    });
  });

  test('exits with 1 when a job failed, and shows its log last', async () => {
    const { env } = await serve(oneBad);
    const { exit, out, err } = await slipway(['publish'], env);
    expect({ exit, out }).toEqual({ exit: 1, out: 'r.example/same:1@sha256:same\n' });
    expect(err.split('\n').slice(3, 4)).toEqual([`page       ${env.SLIPWAY_URL}/batches/${id}`]);
    expect(err.split('\n').slice(4)).toEqual([
      '[1/3] openfaas-fn/one failed in 2.0 s: build_failed: step 2 ended with 1',
      '[2/3] openfaas-fn/two canceled: batch_stopped: Another job has failed.',
      '[3/3] openfaas-fn/same succeeded',
      '',
      '✗ openfaas-fn/one  build_failed: step 2 ended with 1',
      '    v: [2/2] RUN make',
      '    no make',
      '    slipway logs job_one',
      '',
      '1 succeeded, 1 failed, 1 canceled of 3 in 9.0 s',
      `Build it again: slipway batch retry ${id}`,
      '',
    ]);
  });

  test('seals the build secrets of a function for the builders of the server', async () => {
    const { publicKey, privateKey } = generateKeyPair();
    writeFiles(process.cwd(), {
      'secret.yml':
        'provider: { name: openfaas }\nfunctions:\n' +
        '  one: { lang: dockerfile, handler: ./one, image: r.example/one, build_secrets: { token: ./token } }\n' +
        '  two: { lang: dockerfile, handler: ./two, image: r.example/two }\n',
      token: 'hunter2',
    });
    const key = { key_id: publicKey.slice(0, 8), algorithm: 'nacl/box', public_key: publicKey };
    const { asked, env } = await serve({ ...accepting(), 'GET /publickey': json(200, key) });
    const { exit } = await slipway(['publish', '-f', 'secret.yml', '--detach'], env);
    expect(exit).toBe(0);
    const { body } = asked.find(({ call }) => call === 'POST /v1/batches') ?? {};
    expect(String(body)).not.toContain('hunter2');
    const [one, two] = (JSON.parse(String(body)) as { items: { secrets?: string }[] }).items;
    expect(two?.secrets).toBeUndefined();
    const opened = openSecrets({ sealed: parseSealedSecrets(Buffer.from(one?.secrets ?? '')), privateKey });
    expect(Buffer.from(opened.get('token')?.reveal() ?? []).toString()).toBe('hunter2');
  });

  test('submits nothing when the file of a secret is missing', async () => {
    writeFiles(process.cwd(), {
      'secret.yml':
        'provider: { name: openfaas }\nfunctions:\n' +
        '  one: { lang: dockerfile, handler: ./one, image: r.example/one, build_secrets: { token: ./none } }\n',
    });
    const key = { key_id: 'x', algorithm: 'nacl/box', public_key: generateKeyPair().publicKey };
    const { asked, env } = await serve({ ...accepting(), 'GET /publickey': json(200, key) });
    const { exit, err } = await slipway(['publish', '-f', 'secret.yml'], env);
    expect({ exit, err }).toEqual({
      exit: 2,
      err: expect.stringContaining('the secret token cannot be read'),
    });
    expect(asked.map(({ call }) => call)).not.toContain('POST /v1/batches');
  });

  test('with --json prints an object a line', async () => {
    const { env } = await serve(oneBad);
    const { exit, out, err } = await slipway(['publish', '--json'], env);
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect({ exit, err, types: lines.map(({ type }) => type) }).toEqual({
      ...{ exit: 1, err: '' },
      types: ['submitted', 'job', 'job', 'job', 'batch'],
    });
    expect(lines.at(-1)).toMatchObject({ batch: { id, counts: { failed: 1 } }, failed: [{ id: 'job_one' }] });
  });

  test('with --detach prints the id of the batch and does not wait', async () => {
    const { env, asked } = await serve(allGood);
    const { exit, out } = await slipway(['publish', '--detach', '--quiet'], env);
    expect({ exit, out }).toEqual({ exit: 0, out: `${id}\n` });
    expect(asked.at(-1)?.call).toBe('POST /v1/batches');
  });

  test('in CI sends the commit of the jobs', async () => {
    const { env, asked } = await serve(allGood);
    const ci = { CI_PROJECT_PATH: 'acme/web/shop', CI_COMMIT_SHA: 'a'.repeat(40) };
    expect((await slipway(['publish', '--detach', '--quiet'], { ...env, ...ci })).exit).toBe(0);
    expect(submittedBody(asked)).toMatchObject({
      defaults: { vcs: { repo: 'acme/web/shop', sha: 'a'.repeat(40) } },
    });
  });

  test('with --dry-run shows the plan, and does nothing', async () => {
    const { env, asked } = await serve({});
    const { exit, out, err } = await slipway(['publish', '--dry-run', '--filter', '*o*'], env);
    expect(exit).toBe(0);
    expect(out).toMatch(
      /^FUNCTION +IMAGE +SOURCE +SIZE\none +r\.example\/one:1 +sha256:\w{12} +13 B +upload\ndev\/two /,
    );
    expect(err).toContain('Nothing was submitted. 2 sources would be uploaded (32 B).');
    expect(asked.some(({ call }) => call.startsWith('POST'))).toBe(false);
    const lines = (await slipway(['publish', '--dry-run', '--json', '--regex', '^o'], env)).out;
    expect(JSON.parse(lines)).toMatchObject({
      function: 'one',
      source: { bytes: 13, files: 1, upload: true },
    });
  });

  test('fetches a missing template and reports it, and refuses with --no-pull', async () => {
    const git = await startGitServer();
    onTestFinished(() => git.stop());
    const repository = git.repository('templates');
    const commit = repository.commit({
      'template/node/template.yml': '',
      'template/node/Dockerfile': 'FROM scratch\n',
    });
    writeFiles('.', {
      'templated.yml':
        `provider: { name: openfaas }\nconfiguration: { templates: [{ name: go, source: }, { name: node@1, source: "${repository.url}#main" }] }\nfunctions:\n` +
        '  one: { lang: node@1, handler: ./one, image: r.example/one }\n' +
        '  two: { lang: node@1, handler: ./two, image: r.example/two }\n' +
        '  three: { lang: go, handler: ./two, image: r.example/three }\n',
    });
    const { env } = await serve({});
    const dryRun = ['publish', '-f', 'templated.yml', '--dry-run'];
    const refused = await slipway([...dryRun, '--no-pull'], env);
    expect(refused.exit).toBe(2);
    expect(refused.err).toContain(
      `and --no-pull forbids fetching them\n  the template 'node@1' of the functions 'one', 'two', from ${repository.url}#main\n` +
        "  the template 'go' of the function 'three', from the template store\n",
    );
    // `--no-pull` is separate from `--pull`, which is about base images.
    expect((await slipway([...dryRun, '--no-pull', '--pull'], env)).exit).toBe(2);
    expect(git.requests).toHaveLength(0);
    const { exit, err } = await slipway([...dryRun, '--regex', 'one|two'], env);
    expect(exit).toBe(0);
    expect(err).toMatch(
      new RegExp(
        `^fetching +${repository.url}#main\ntemplate +node@1 at ${commit.slice(0, 7)}\nstack +2 functions`,
      ),
    );
    const store = await serve({ 'GET /list': json(200, [{ template: 'go', repo: repository.url }]) });
    for (const given of [
      {
        args: ['--template-store', `${store.url}/list`],
        env: { OPENFAAS_TEMPLATE_STORE_URL: 'http://x.example' },
      },
      { args: [], env: { OPENFAAS_TEMPLATE_STORE_URL: `${store.url}/list` } },
    ]) {
      const failed = await slipway([...dryRun, ...given.args, '--json'], { ...env, ...given.env });
      expect(failed.exit).toBe(2);
      expect(JSON.parse(failed.out).error.message).toBe(
        `the template 'go' of the function 'three' is not in ${repository.url}, which has the templates node`,
      );
      expect(failed.err).toBe('');
    }
  });

  test('names the function of an item that the server refuses', async () => {
    const errors = [
      { path: '/items/1/image', message: 'is not an image reference' },
      { path: '/items/2/function', message: 'must be a DNS label' },
    ];
    const { env } = await serve({
      ...allGood,
      'POST /v1/batches': problem(422, 'batch_invalid', { errors }),
    });
    const { exit, err } = await slipway(['publish'], env);
    expect(exit).toBe(3);
    expect(err).toMatch(
      /error: batch_invalid: .*\n {2}two image {2}is not an image.*\n {2}same function {2}must be/,
    );
  });

  test.each([
    [['--filter', 'x*'], /no function of stack\.yml matches the filter/],
    [['--regex', '('], /--regex: /],
    [['--regex', 'a', '--filter', 'b'], /give --filter or --regex, not both/],
    [['-f', 'gone.yaml'], /the file gone\.yaml was not found/],
    [['-f', 'https://example.com/stack.yaml'], /is not a file of this machine/],
    [['-o', 'dev'], /the function 'one': the template 'dockerfile' has no build option 'dev'/],
    [['--envsubst=maybe'], /--envsubst.*true or false/],
    [['--tag', 'newest'], /--tag.*Allowed choices are latest/],
  ])('%j is wrong usage', async (argv, message) => {
    const { env, asked } = await serve({});
    const { exit, err } = await slipway(['publish', ...argv], env);
    expect({ exit, asked }).toEqual({ exit: 2, asked: [] });
    expect(err).toMatch(message);
  });
});

describe('batch', () => {
  test('watch ends as publish would, and retry watches the new batch', async () => {
    const { env } = await serve({
      ...oneBad,
      [`GET /v1/batches/${id}`]: json(200, batch('running', { queued: 3 })),
      'POST /v1/batches/batch_old/retry': json(202, batch('running', { queued: 3 })),
    });
    const watched = await slipway(['batch', 'watch', id], env);
    expect(watched).toMatchObject({ exit: 1, err: expect.stringContaining('✗ openfaas-fn/one') });
    const retried = await slipway(['batch', 'retry', 'batch_old'], env);
    expect(retried).toMatchObject({ exit: 1, err: expect.stringContaining(`batch      ${id}`) });
    expect(await slipway(['batch', 'retry', '-d', 'batch_old'], env)).toMatchObject({
      exit: 0,
      out: `${id}\n`,
    });
  });

  test('list, status and cancel', async () => {
    const running = batch('running', { succeeded: 1, failed: 1, queued: 1 });
    const { env } = await serve({
      ...oneBad,
      'GET /v1/batches?limit=5': json(200, { batches: [{ ...running, labels: { run: '7' } }] }),
      [`GET /v1/batches/${id}`]: json(200, running),
      [`POST /v1/batches/${id}/cancel`]: json(202, { ...running, state: 'stopping' }),
    });
    const listed = await slipway(['batch', 'list', '--limit', '5'], env);
    expect(listed.out).toMatch(new RegExp(`^BATCH .*\\n${id} +running +3 +1 +1 +0 .*run=7\\n$`));
    expect((await slipway(['batch', 'status', id], env)).out).toMatch(
      /running\n {2}2 of 3 done: 1 succeeded, 1 failed; 1 waiting\n {2}http:\S+\/batches\/batch_\w+\n {2}job_one {2}openfaas-fn\/one {2}failed.*build_failed/,
    );
    expect((await slipway(['batch', 'cancel', id], env)).out).toContain('is being canceled: 2 of 3 done');
  });
});
