import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Job } from '@slipway/shared/contracts';
import { engineNames } from '@slipway/shared/contracts';
import { Webhook } from 'standardwebhooks';
import { afterAll, test as anyTest, beforeAll, describe, expect } from 'vitest';
import { walkThrough } from './clients/walkthrough.js';
import { dockerfile, makeContext, sh, tarOf } from './context.js';
import { canUse } from './engines.js';
import { imageDigest } from './registry.js';
import { type Stack, startStack } from './stack.js';

const ndjson = { headers: { accept: 'application/x-ndjson' } };

const json = async <T>(answer: Response): Promise<T> => (await answer.json()) as T;

describe.each(engineNames)('Slipway on %s', (engine) => {
  const test = anyTest.runIf(canUse(engine));
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      engine,
      builders: 2,
      workers: 2,
      env: {
        worker: { LOCK_DURATION_MS: '3000', STALLED_INTERVAL_MS: '1000' },
        // A direct call of a builder shares no layers of RUN steps with a tenant.
        builder: { REPRODUCIBLE: 'true' },
      },
    });
  });
  afterAll(() => stack?.stop());

  const image = (name: string) => `${stack.registry}/e2e/${name}:1`;
  const upload = async (folder: string) => {
    const answer = await stack.call('/v1/sources', { method: 'POST', body: tarOf(folder) });
    return (await json<{ digest: string }>(answer)).digest;
  };
  const submit = async (spec: object) => {
    const answer = await stack.call('/v1/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(spec),
    });
    expect(answer.status).toBe(202);
    return await json<Job>(answer);
  };
  const ended = async ({ id }: Job) => {
    for (;;) {
      const job = await json<Job>(await stack.call(`/v1/jobs/${id}?wait=30`));
      if (job.finished_at !== undefined) return job;
    }
  };
  const build = async (name: string, files: Record<string, string>, spec: object = {}) =>
    await ended(
      await submit({ image: image(name), source: { digest: await upload(makeContext(files)) }, ...spec }),
    );

  test('a job becomes an image in the registry, and its log is kept', async () => {
    const job = await build(
      'hello',
      { Dockerfile: dockerfile('ARG WHO', 'RUN echo "built for $WHO" > /who && cat /who') },
      { build_args: { WHO: 'e2e' }, function: 'hello', platforms: ['linux/amd64'] },
    );
    expect(job).toMatchObject({
      state: 'succeeded',
      function: 'openfaas-fn/hello',
      attempts: [{ number: 1 }],
    });
    expect(job.result?.digest).toMatch(/^sha256:/);
    expect(await imageDigest(image('hello'))).toBe(job.result?.digest);
    expect(await (await stack.call(`/v1/jobs/${job.id}/logs`)).text()).toContain('built for e2e');
  });

  test('a failing build names the failed step, and leaves no image', async () => {
    const job = await build('broken', { Dockerfile: dockerfile('RUN echo about to fail >&2; exit 7') });
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'build_failed' },
      attempts: [{ outcome: 'build_failed' }],
    });
    expect(job.error?.log_tail.join('\n')).toContain('about to fail');
    expect(await imageDigest(image('broken'))).toBeNull();
  });

  test('with push off, no image is pushed', async () => {
    const job = await build('unpushed', { Dockerfile: dockerfile() }, { push: false });
    expect(job.state).toBe('succeeded');
    expect(await imageDigest(image('unpushed'))).toBeNull();
  });

  test("the seed's walk-through against a builder and a job through the API give one digest", async () => {
    // Without a RUN step, because its layers belong to a tenant, and a direct call has no tenant.
    const context = makeContext({
      Dockerfile: dockerfile('COPY . /home/app'),
      'function/handler.js': 'module.exports = async () => "hello";\n',
    });
    const built = `${stack.registry}/functions/hello-world:0.1.0`;
    const job = await ended(await submit({ image: built, source: { digest: await upload(context) } }));
    const { answer: direct } = await walkThrough({
      url: job.attempts[0]?.replica ?? '',
      payloadSecret: join(stack.folder, 'secrets', 'payload-secret'),
      registry: stack.registry,
      context,
    });
    expect(direct).toMatchObject({ status: 'success', image: built });
    expect(direct.digest).toMatch(/^sha256:/);
    expect(direct.digest).toBe(job.result?.digest);
  });

  test('the log follows the build, and resumes after a cut connection', async () => {
    const context = makeContext({
      Dockerfile: dockerfile('RUN for n in 1 2 3 4 5 6; do echo count $n; sleep 0.3; done'),
    });
    const job = await submit({ image: image('counting'), source: { digest: await upload(context) } });
    const cut = new AbortController();
    const first = await stack.call(`/v1/jobs/${job.id}/logs`, {
      headers: { accept: 'text/event-stream' },
      signal: cut.signal,
    });
    let seen = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of first.body ?? []) {
        seen += decoder.decode(chunk);
        if (seen.includes('count 2')) break;
      }
    } finally {
      cut.abort();
    }
    expect(seen).not.toContain('count 6');
    const ids = [...seen.matchAll(/^id: (.+)$/gm)].map(([, id]) => id);
    const rest = await stack.call(`/v1/jobs/${job.id}/logs`, {
      headers: { accept: 'text/event-stream', 'last-event-id': ids.at(-1) ?? '' },
    });
    const text = await rest.text();
    expect(text).toContain('event: end\ndata: {"state":"succeeded"}');
    const whole = [...(seen + text).matchAll(/count (\d)(?=")/g)].map(([, n]) => n);
    // BuildKit repeats the command, with its numbers, in the step's own line.
    expect(whole.join('')).toContain('123456');
    expect(ids.filter((id) => text.includes(`id: ${id}\n`))).toEqual([]);
  });

  test('a canceled build is stopped at the builder', async () => {
    const marker = String(100_000 + Math.floor(Math.random() * 100_000));
    const context = makeContext({ Dockerfile: dockerfile(`RUN echo begun; sleep ${marker}`) });
    const job = await submit({ image: image('endless'), source: { digest: await upload(context) } });
    const running = () =>
      sh('sh', ['-c', `ps -eo args | grep -c '^sleep ${marker}' || true`])
        .toString()
        .trim();
    await expect.poll(running).toBe('1');
    expect((await stack.call(`/v1/jobs/${job.id}/cancel`, { method: 'POST' })).status).toBe(202);
    expect((await ended(job)).state).toBe('canceled');
    await expect.poll(running).toBe('0');
  });

  test('CI receives a signed message', async () => {
    const messages: { body: string; headers: Record<string, string> }[] = [];
    const receiver = createServer(async (req, res) => {
      const body = Buffer.concat(await req.toArray()).toString();
      messages.push({ body, headers: req.headers as Record<string, string> });
      res.writeHead(204).end();
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    const job = await build(
      'told',
      { Dockerfile: dockerfile() },
      { callback: { url, secret }, labels: { sha: 'abc' } },
    );
    await expect.poll(() => messages.length).toBe(1);
    receiver.close();
    expect(new Webhook(secret).verify(messages[0]?.body ?? '', messages[0]?.headers ?? {})).toMatchObject({
      type: 'job.succeeded',
      data: { job: { id: job.id, image: image('told') }, digest: job.result?.digest, labels: { sha: 'abc' } },
    });
    const logs = ['api', 'worker-1', 'worker-2', 'builder-1'].map((name) =>
      readFileSync(join(stack.folder, 'logs', `${name}.log`), 'utf8'),
    );
    for (const hidden of [
      secret.slice(6),
      stack.token,
      readFileSync(join(stack.folder, 'secrets', 'payload-secret'), 'utf8').trim(),
    ]) {
      expect(logs.join('')).not.toContain(hidden);
    }
  });

  test('a build whose worker is killed in the middle goes on, and another worker records all lines of its log once', async () => {
    // More lines than the live log keeps.
    const lines = 12_000;
    const loop = `i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo line-$i-; done`;
    const context = makeContext({ Dockerfile: dockerfile(`RUN ${loop}; echo begun; sleep 3; echo done`) });
    const job = await submit({ image: image('survivor'), source: { digest: await upload(context) } });
    await expect
      .poll(async () =>
        (await (await stack.call(`/v1/jobs/${job.id}/logs`)).text()).includes(`line-${lines}-`),
      )
      .toBe(true);
    const running = await json<Job>(await stack.call(`/v1/jobs/${job.id}`));
    const holder = stack.parts.find(
      ({ name, pid }) => name.startsWith('worker') && running.attempts[0]?.worker.includes(`-${pid}-`),
    );
    expect(holder).toBeDefined();
    stack.kill(holder?.name ?? '', 'SIGKILL');
    const done = await ended(job);
    expect(done.state).toBe('succeeded');
    expect(done.attempts).toMatchObject([{ outcome: 'succeeded', takeovers: 1 }]);
    expect(done.attempts[0]?.worker).not.toBe(running.attempts[0]?.worker);
    expect(await imageDigest(image('survivor'))).toBe(done.result?.digest);
    const log = await (await stack.call(`/v1/jobs/${job.id}/logs?after=1-0`, ndjson)).text();
    const ofFirst = log.split('\n').filter((line) => line.startsWith('{"attempt":1,'));
    const kept = ofFirst.flatMap((line) => /line-\d+-/.exec(line) ?? []);
    expect(kept).toEqual(Array.from({ length: lines }, (_, index) => `line-${index + 1}-`));
  });
});
