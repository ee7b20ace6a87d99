import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerfile, makeContext, sh } from '../context.js';
import { imageDigest } from '../registry.js';
import { type Stack, startStack } from '../stack.js';
import { streamWithCurl } from './curl.js';
import { callGoSdk } from './go-sdk.js';
import { makeProject, type ProjectFunction } from './project.js';
import { publish, publishedImages, publishers } from './publish.js';
import { buildWithPython } from './python.js';
import type { Target } from './target.js';
import { walkThrough, walkthroughContext } from './walkthrough.js';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ builders: 2, slots: 2 });
});
afterAll(() => stack?.stop());

describe.each([
  { server: 'a builder alone', tag: 'alone', parallel: 2, url: () => stack.part('builder 1').address },
  { server: 'Slipway', tag: 'slipway', parallel: 8, url: () => stack.url },
])('$server', ({ tag, parallel, url }) => {
  const target = (): Target => ({ url: url(), payloadSecret: `${stack.folder}/secrets/payload-secret` });
  const image = (name: string) => `${stack.registry}/clients/${name}:${tag}`;

  test.each(publishers)('publishes for %s, whatever the template', async (publisher) => {
    const who = publisher.split(' ').at(-1)?.toLowerCase();
    // Unique names, so that no step is cached.
    const names = Array.from({ length: 8 }, (_, at) => `${who}-${tag}-${at}`);
    const functions = names.map((name, at): [string, ProjectFunction] => [
      name,
      at % 2 === 0
        ? { image: image(name), lang: 'tiny', buildArgs: { GREETING: `regards to ${who} ${tag}` } }
        : { image: image(name), lang: 'dockerfile', lines: ['COPY handler.txt /', 'RUN cat /handler.txt'] },
    ]);
    const project = makeProject({ functions: Object.fromEntries(functions) });
    const { exit, out, err } = await publish({ ...target(), publisher, project, parallel }).ended;
    expect({ exit, images: publishedImages(err) }).toEqual({ exit: 0, images: names.map(image) });
    const handlers = [...out.matchAll(/l: .*the handler of (\S+)$/gm)].map(([, name]) => name);
    expect(handlers.sort()).toEqual(names);
    expect(out.match(new RegExp(`regards to ${who} ${tag} from$`, 'gm'))).toHaveLength(names.length / 2);
    for (const name of names) expect(await imageDigest(image(name))).toMatch(/^sha256:/);
  });

  test.each(publishers)(
    'reports a function that cannot be built to %s, and publishes the others',
    async (publisher) => {
      const lines = ['RUN echo it will not do >&2; exit 7'];
      const project = makeProject({
        functions: {
          good: { image: image('good'), lang: 'tiny' },
          bad: { image: image('bad'), lang: 'dockerfile', lines },
        },
      });
      const { exit, out, err } = await publish({ ...target(), publisher, project, parallel: 2 }).ended;
      expect({ exit, images: publishedImages(err) }).toEqual({ exit: 1, images: [image('good')] });
      expect(out + err).toContain(`bad failure while building or pushing image ${image('bad')}: `);
      expect(out).toMatch(/l: .*it will not do$/m);
      expect(await imageDigest(image('bad'))).toBeNull();
    },
  );

  describe('the Go SDK', () => {
    const good = () => makeContext({ Dockerfile: dockerfile('RUN echo built for the SDK') });
    const bad = () => makeContext({ Dockerfile: dockerfile('RUN exit 9') });

    test('builds and waits', async () => {
      const { results } = await callGoSdk({
        ...target(),
        method: 'Build',
        context: good(),
        image: image('sdk'),
      });
      expect(results).toMatchObject([{ status: 'success', image: image('sdk') }]);
      expect(results[0]?.log?.join('\n')).toContain('built for the SDK');
      const failed = await callGoSdk({
        ...target(),
        method: 'Build',
        context: bad(),
        image: image('sdk-bad'),
      });
      expect(failed).toMatchObject({ results: [], error: expect.stringContaining('status code 500') });
    });

    test('builds and streams, and reads the final result after lines longer than a scanner buffer', async () => {
      const flood = 'yes \\"\\"\\"\\" | head -c 300000 | tr -d "\\n"; echo; echo the end of the flood';
      const context = makeContext({ Dockerfile: dockerfile(`RUN ${flood}`) });
      const { results, error } = await callGoSdk({
        ...target(),
        method: 'BuildWithStream',
        context,
        image: image('flood'),
      });
      expect(error).toBeUndefined();
      expect(results.slice(0, -1).every(({ status }) => status === 'in_progress')).toBe(true);
      expect(results.at(-1)).toMatchObject({ status: 'success', image: image('flood') });
      expect(results.flatMap(({ log }) => log ?? []).join('\n')).toContain('the end of the flood');
      const failed = await callGoSdk({
        ...{ ...target(), method: 'BuildWithStream', context: bad(), image: image('sdk-bad') },
      });
      expect(failed.results.at(-1)).toMatchObject({
        status: 'failed',
        error: expect.stringContaining('exit code: 9'),
      });
    });
  });

  test('serves the walk-through of the Function Builder API line by line', async () => {
    const { packed, answer } = await walkThrough({
      ...target(),
      registry: stack.registry,
      context: walkthroughContext(),
    });
    expect(packed).toEqual(
      expect.arrayContaining([
        './com.openfaas.docker.config',
        './context/',
        './context/Dockerfile',
        './context/.dockerignore',
      ]),
    );
    const pushed = `${stack.registry}/functions/hello-world:0.1.0`;
    expect(answer).toMatchObject({ status: 'success', image: pushed });
    expect(answer.log?.join('\n')).toContain('module.exports');
    expect(await imageDigest(pushed)).toBe(answer.digest);
  });

  test('serves a Python script like that of the walk-through', async () => {
    const functions = { [`hello-${tag}`]: { image: image('python'), lang: 'tiny' } } as const;
    const project = makeProject({ functions, stackFile: false });
    const build = { ...target(), project, handler: `./hello-${tag}`, lang: 'tiny', image: image('python') };
    const { status, body } = await buildWithPython(build);
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'success', image: image('python') });
    expect(body.log?.join('\n')).toContain(`the handler of hello-${tag}`);
    expect(await imageDigest(image('python'))).toBe(body.digest);
  });

  test('streams lines shorter than 64 KiB, the last of them with the final result', async () => {
    const chunk = 'head -c 200000 /dev/zero | tr "\\0" "\\001"';
    const context = makeContext({ Dockerfile: dockerfile(`RUN ${chunk}; echo; seq 1 2000; exit 3`) });
    const { exit, out } = await streamWithCurl({ ...target(), context, image: image('lines') }).ended;
    expect(exit).toBe(0);
    expect(out.endsWith('\n')).toBe(true);
    const lines = out.slice(0, -1).split('\n');
    expect(Math.max(...lines.map((line) => Buffer.byteLength(line)))).toBeLessThan(64 * 1024);
    const said = lines.map((line) => JSON.parse(line) as { status: string; error?: string });
    expect(said.slice(0, -1).every(({ status }) => status === 'in_progress')).toBe(true);
    expect(said.at(-1)).toMatchObject({ status: 'failed', error: expect.stringContaining('exit code: 3') });
  });

  test.each([...publishers, 'curl'])('stops the build when %s goes away', async (client) => {
    const marker = String(200_000 + Math.floor(Math.random() * 100_000));
    const lines = [`RUN echo it has begun; sleep ${marker}`];
    const own = image(`left-${client.split(' ').at(-1)?.toLowerCase()}`);
    const running = () =>
      sh('sh', ['-c', `ps -eo args | grep -c '^sleep ${marker}' || true`])
        .toString()
        .trim();
    const build =
      client === 'curl'
        ? streamWithCurl({
            ...target(),
            context: makeContext({ Dockerfile: dockerfile(...lines) }),
            image: own,
          })
        : publish({
            ...target(),
            publisher: client,
            project: makeProject({ functions: { left: { image: own, lang: 'dockerfile', lines } } }),
            parallel: 1,
          });
    await build.said('it has begun');
    await expect.poll(running).toBe('1');
    build.kill(client === 'curl' ? 'SIGKILL' : 'SIGINT');
    await build.ended;
    await expect.poll(running).toBe('0');
    if (tag === 'slipway') {
      const jobs = async () => await (await stack.call(`/v1/jobs?image=${encodeURIComponent(own)}`)).json();
      await expect.poll(jobs).toMatchObject({ jobs: [{ state: 'canceled' }] });
    }
  });
});
