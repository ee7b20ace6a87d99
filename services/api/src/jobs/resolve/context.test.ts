import { Secret } from '@slipway/shared/config';
import { type GitServer, startGitServer } from '@slipway/shared/git/testing';
import { formatSignature, payloadHmac } from '@slipway/shared/signing';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { archive } from '../../testing/archive.js';
import { type FleetOfOne, startFleetOfOne } from '../../testing/fleet-of-one.js';

let fleet: FleetOfOne;
let git: GitServer;
beforeAll(async () => {
  [fleet, git] = await Promise.all([startFleetOfOne(inject('redisUrl')), startGitServer()]);
});
afterAll(() => Promise.all([fleet.stop(), git.stop()]));
beforeEach(() => fleet.renew());

type Files = Readonly<Record<string, string>>;
interface Answer {
  readonly status: number;
  readonly body: {
    readonly code: string;
    readonly detail: string;
    readonly errors: { readonly path: string }[];
  };
}

const dockerfile = 'FROM scratch\n';
const image = 'r.example/x:1';
const post = (path: string, body: object): Promise<Answer> => fleet.say('POST', path, body);
const problem = ({ status, body }: Answer) => [status, body.code, body.errors?.[0]?.path, body.detail];
const yaml: Files = { 'template.yml': 'handler_folder: function\n' };
const bare: Files = { 'index.js': '' };
const refused = (path: string, detail: string) => [
  422,
  'dockerfile_invalid',
  path,
  expect.stringContaining(detail),
];

async function form(files: Files, job: object): Promise<Answer> {
  const parts = new FormData();
  parts.append('job', new Blob([JSON.stringify(job)], { type: 'application/json' }));
  const tar = archive(Object.entries(files).map(([path, text]) => ({ path, text })));
  parts.append('source', new Blob([tar], { type: 'application/x-tar' }));
  const headers = { authorization: `Bearer ${fleet.mine}` };
  const answer = await fetch(`${fleet.api.url}/v1/jobs`, { method: 'POST', body: parts, headers });
  return { status: answer.status, body: (await answer.json()) as Answer['body'] };
}

async function build(files: Files, config: object = {}) {
  const context = Object.entries(files).map(([path, text]) => ({ path: `context/${path}`, text }));
  const settings = { path: 'com.openfaas.docker.config', text: JSON.stringify({ image, ...config }) };
  const body = archive([settings, ...context]);
  const hmac = payloadHmac(new Secret('payload'));
  hmac.update(body);
  const answer = await fetch(`${fleet.api.url}/build`, {
    method: 'POST',
    body,
    headers: { 'x-build-signature': formatSignature(hmac) },
  });
  return [answer.status, await answer.json()];
}

/** Sends the same job in each possible way; returns the errors. */
async function everyWay(files: Files, options: object = {}) {
  const repository = git.repository(`r-${Math.random()}`);
  repository.commit(files);
  const source = { digest: await fleet.upload(files) };
  const job = { image, ...options };
  return {
    digest: problem(await post('/v1/jobs', { ...job, source })),
    files: problem(await post('/v1/jobs', { ...job, source: { files } })),
    git: problem(await post('/v1/jobs', { ...job, source: { git: { url: repository.url } } })),
    form: problem(await form(files, job)),
    function: problem(await fleet.say('PUT', '/v1/functions/dev/fn', { ...job, source })),
  };
}

describe('a source without a Dockerfile', () => {
  it('is refused on submission, in each way', async () => {
    const wrong = refused('/source', 'The build context has no file "Dockerfile"');
    expect(await everyWay(bare)).toEqual({
      digest: wrong,
      files: wrong,
      git: wrong,
      form: wrong,
      function: wrong,
    });
    expect((await fleet.say('GET', '/v1/jobs')).body.jobs).toEqual([]);
  });

  it('is refused with the value and similar names when the option is wrong', async () => {
    const files = { Dockerfile: dockerfile, 'docker/Dockerfile.prod': dockerfile };
    const wrong = refused(
      '/dockerfile',
      'no file "docker/Dockerfile.prd", or it is a link to a missing file. It has "docker/Dockerfile.prod"',
    );
    expect(await everyWay(files, { dockerfile: 'docker/Dockerfile.prd' })).toEqual({
      ...{ digest: wrong, files: wrong, git: wrong, form: wrong, function: wrong },
    });
  });

  it('is refused by POST /build as builders refuse it', async () => {
    expect(await build(bare)).toEqual([
      422,
      {
        status: 'failed',
        code: 'dockerfile_invalid',
        error: expect.stringContaining('"Dockerfile"'),
        log: [],
      },
    ]);
    const [status, body] = await build({ Dockerfile: dockerfile }, { dockerfile: 'x/Dockerfile' });
    expect([status, body]).toMatchObject([422, { error: expect.stringContaining('"x/Dockerfile"') }]);
  });

  it('is refused with the folder that contains all files', async () => {
    const files = { 'fn-1.0/Dockerfile': dockerfile, 'fn-1.0/index.js': '' };
    const answer = await post('/v1/jobs', { image, source: { files } });
    expect(answer.body.detail).toContain('All files lie in "fn-1.0"');
    const { url, commit } = git.repository('one-folder');
    commit(files);
    expect((await post('/v1/jobs', { image, source: { git: { url } } })).body.detail).toContain(
      'name it as `path`',
    );
    const inFolder = { image, source: { git: { url, path: 'fn-1.0' } } };
    expect((await post('/v1/jobs', inFolder)).status).toBe(202);
  });
});

describe('an ignore file', () => {
  const patterns = 'node_modules\n# fine\n[a\n';
  const line = '".dockerignore" line 3: the pattern "[a" has a [ that no ] closes.';

  it('with an invalid pattern is refused with its line on submission, in each way', async () => {
    const wrong = [422, 'ignore_file_invalid', '/source', line];
    expect(await everyWay({ Dockerfile: dockerfile, '.dockerignore': patterns })).toEqual({
      ...{ digest: wrong, files: wrong, git: wrong, form: wrong, function: wrong },
    });
    expect(await build({ Dockerfile: dockerfile, '.dockerignore': patterns })).toMatchObject([
      422,
      { status: 'failed', code: 'ignore_file_invalid', error: expect.stringContaining(line) },
    ]);
  });

  it('is the one of the Dockerfile if that has one', async () => {
    const own = { Dockerfile: dockerfile, 'Dockerfile.dockerignore': 'a', '.dockerignore': patterns };
    const submit = async (files: Files, options: object = {}) =>
      problem(await post('/v1/jobs', { image, source: { files }, ...options }));
    expect((await submit(own))[0]).toBe(202);
    const other = { ...own, 'web.Dockerfile': dockerfile, 'web.Dockerfile.dockerignore': '!' };
    expect((await submit(other))[0]).toBe(202);
    expect(await submit(other, { dockerfile: 'web.Dockerfile' })).toEqual([
      ...[422, 'ignore_file_invalid', '/source'],
      expect.stringContaining('"web.Dockerfile.dockerignore" line 1: the pattern "!"'),
    ]);
    // Builders look for the ignore file by the requested name.
    expect(
      (await submit({ dockerfile, 'dockerfile.dockerignore': '!', 'Dockerfile.dockerignore': 'a' }))[0],
    ).toBe(202);
  });

  it('of more than 32 KiB is left to the builder', async () => {
    const submit = async (bytes: number) => {
      const files = { Dockerfile: dockerfile, '.dockerignore': `[a\n`.padEnd(bytes, '#') };
      return (await post('/v1/jobs', { image, source: { files } })).status;
    };
    expect([await submit(32 * 1024), await submit(32 * 1024 + 1)]).toEqual([422, 202]);
  });

  it('that is too large is refused, and not read', async () => {
    const files = { Dockerfile: dockerfile, '.dockerignore': 'x\n'.repeat(524_289) };
    const answer = await form(files, { image });
    expect(problem(answer)).toEqual([
      ...[422, 'ignore_file_invalid', '/source', '".dockerignore" is larger than 1048576 bytes.'],
    ]);
  });

  it('of a template counts unless the handler replaces it', async () => {
    const template = { ...yaml, Dockerfile: dockerfile, '.dockerignore': patterns };
    const digest = await fleet.upload(template);
    const over = async (files: Files, handler_folder: string) => {
      const laid_over = { name: 'x', digest, handler_folder };
      return problem(await post('/v1/jobs', { image, source: { files }, laid_over }));
    };
    expect(await over(bare, 'function')).toEqual([422, 'ignore_file_invalid', '/source', line]);
    expect((await over({ '.dockerignore': 'a' }, 'function'))[1]).toBe('ignore_file_invalid');
    expect((await over({ '.dockerignore': 'a' }, ''))[0]).toBe(202);
  });

  it('of one item refuses a batch by the name of its function', async () => {
    const items = [
      { image: 'r.example/a:1', function: 'dev/a', source: { files: { Dockerfile: dockerfile } } },
      {
        ...{ image: 'r.example/b:1', function: 'dev/b' },
        source: { files: { Dockerfile: dockerfile, '.dockerignore': '\\' } },
      },
    ];
    const { body } = await post('/v1/batches', { items });
    expect(body.detail).toContain('items[1] (dev/b)/source: ".dockerignore" line 1: the pattern "\\\\"');
  });
});

it.each<[string, Files, object]>([
  ['in lower case', { dockerfile }, {}],
  ['at the path that the job names', { 'docker/prod': dockerfile }, { dockerfile: './docker/prod' }],
])('a Dockerfile %s is accepted', async (_what, files, options) => {
  const answer = await post('/v1/jobs', { image, source: { files }, ...options });
  expect([answer.status, answer.body.detail]).toEqual([202, undefined]);
});

it('a Dockerfile that is a link counts if it leads to a file of the source', async () => {
  const submit = async (linkpath: string) => {
    const answer = await fetch(`${fleet.api.url}/v1/sources`, {
      method: 'POST',
      headers: { authorization: `Bearer ${fleet.mine}`, 'content-type': 'application/x-tar' },
      body: archive([
        { path: 'Dockerfile', type: 'SymbolicLink', linkpath },
        { path: 'docker/prod', text: dockerfile },
      ]),
    });
    const { digest } = (await answer.json()) as { digest: string };
    return (await post('/v1/jobs', { image, source: { digest } })).status;
  };
  expect(await submit('docker/prod')).toBe(202);
  expect(await submit('/etc/passwd')).toBe(422);
});

describe('a handler over a template', () => {
  const handler = { files: bare };
  it('has the Dockerfile of both together', async () => {
    await fleet.send('PUT', '/v1/templates/whole', { ...yaml, Dockerfile: dockerfile });
    const bareLayer = { name: 'x', digest: await fleet.upload(yaml), handler_folder: 'function' };
    const submit = async (body: object) => problem(await post('/v1/jobs', { image, ...body }));
    expect((await submit({ source: handler, template: 'whole' }))[0]).toBe(202);
    expect(await submit({ source: handler, laid_over: bareLayer })).toEqual(
      refused('/source', 'no file "Dockerfile"'),
    );
    const brought = { files: { Dockerfile: dockerfile } };
    expect(await submit({ source: brought, laid_over: bareLayer })).toEqual(
      refused('/source', 'It has "function/Dockerfile"'),
    );
    const named = { source: brought, laid_over: bareLayer, dockerfile: 'function/Dockerfile' };
    expect((await submit(named))[0]).toBe(202);
    expect((await submit({ source: brought, laid_over: { ...bareLayer, handler_folder: '' } }))[0]).toBe(202);
  });

  it('is left out of a rebuild over a template without such a Dockerfile', async () => {
    const first = { ...yaml, Dockerfile: dockerfile, 'docker/prod': dockerfile };
    await fleet.send('PUT', '/v1/templates/t', first);
    await fleet.submit({ function: 'one', source: handler, template: 't', dockerfile: 'docker/prod' });
    await fleet.submit({ function: 'two', source: handler, template: 't' });
    await fleet.send('PUT', '/v1/templates/t', { ...yaml, Dockerfile: dockerfile });
    const select = { namespace: 'openfaas-fn' };
    const { body } = await fleet.say('POST', '/v1/rebuilds', { select });
    expect(body.functions.map((each: { function: string }) => each.function)).toEqual(['openfaas-fn/two']);
    const reason = expect.stringContaining('"docker/prod"');
    const left = { function: 'openfaas-fn/one', code: 'dockerfile_invalid', reason };
    expect(body.left_out).toEqual([left]);
    const wrong = await fleet.say('POST', '/v1/rebuilds', { select, dockerfile: 'gone' });
    expect([wrong.status, wrong.body.code]).toEqual([422, 'nothing_selected']);
    expect(wrong.body.errors[0].message).toContain('openfaas-fn/one: The build context has no file "gone"');
  });
});

describe('a batch', () => {
  it('names the function without a Dockerfile, and each refused item', async () => {
    const source = { digest: await fleet.upload({ Dockerfile: dockerfile, 'a.Dockerfile': dockerfile }) };
    const items = [
      { image: 'r.example/a:1', function: 'dev/a', source, dockerfile: 'a.Dockerfile' },
      { image: 'r.example/b:1', function: 'dev/b', source: { files: bare } },
      { image: 'r.example/c:1', function: 'dev/c', source, dockerfile: 'c.Dockerfile' },
      { image: 'r.example/d:1', function: 'dev/d', source },
    ];
    for (const dry_run of [false, true]) {
      const { status, body } = await post('/v1/batches', { items, dry_run });
      expect([status, body.code]).toEqual([422, 'batch_invalid']);
      expect(body.detail).toMatch(
        /^items\[1\] \(dev\/b\)\/source: The build context has no file "Dockerfile"/,
      );
      expect(body.errors.map(({ path }) => path)).toEqual(['/items/1/source', '/items/2/dockerfile']);
    }
    const right = items.filter((_, at) => at === 0 || at === 3);
    expect((await post('/v1/batches', { items: right })).status).toBe(202);
  });

  it('reports the errors of the first hundred items alone', async () => {
    const source = { digest: await fleet.upload() };
    const items = Array.from({ length: 300 }, (_, at) => ({
      ...{ image: `r.example/a:${at}`, source, dockerfile: `${at}.Dockerfile` },
    }));
    const { body } = await post('/v1/batches', { items });
    expect(body.errors).toHaveLength(100);
    expect(body.errors[0]?.path).toBe('/items/0/dockerfile');
  });
});
