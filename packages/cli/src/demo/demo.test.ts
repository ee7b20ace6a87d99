import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from '@slipway/client';
import { temporaryFolder } from '@slipway/local';
import { Webhook } from 'standardwebhooks';
import { afterAll, describe, expect, test } from 'vitest';
import { readContext } from '../build/context.js';
import { librariesIn, writeNodeContext } from './base-image.js';
import { demoFunctions } from './functions.js';
import { startReceiver } from './receiver.js';
import { type Ending, findProblems } from './report.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());

describe('the base image', () => {
  test.each([
    [
      'glibc',
      '\tlinux-vdso.so.1 (0x1)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x2)\n\t/lib64/ld-linux-x86-64.so.2 (0x3)\n',
      ['/lib/x86_64-linux-gnu/libm.so.6', '/lib64/ld-linux-x86-64.so.2'],
    ],
    [
      'musl',
      '\t/lib/ld-musl-x86_64.so.1 (0x1)\n\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x1)\n',
      ['/lib/ld-musl-x86_64.so.1'],
    ],
  ])('has the libraries that ldd of %s names', (_libc, listing, expected) => {
    expect(librariesIn(listing)).toEqual(expected);
  });

  test("holds a Node that runs with nothing else of this machine's", async () => {
    const context = join(folder.path, 'base');
    await writeNodeContext(context);
    expect((await readContext(context)).paths).toContain('root/etc/passwd');
    const root = join(context, 'root');
    const env = { PATH: '/usr/local/bin', LD_LIBRARY_PATH: libraryPath(root) };
    const inside = process.getuid?.() === 0 ? [] : ['--map-root-user'];
    const run = spawnSync('unshare', [`--root=${root}`, ...inside, 'node', '-p', 'process.version'], {
      env: { ...process.env, ...env, PATH: `${process.env.PATH}:/usr/local/bin` },
    });
    expect(run.stdout.toString().trim()).toBe(process.version);
  });
});

const libraryPath = (root: string) =>
  ['/lib', '/lib64', '/usr/lib'].filter((path) => existsSync(join(root, path))).join(':');

test('each function can be built', async () => {
  const digests = await Promise.all(
    demoFunctions.map(async ({ name, prepare }) => readContext(await prepare(join(folder.path, name)))),
  );
  expect(digests.map(({ files }) => files)).toEqual([4, 3, 5, 302, 4, 3]);
});

describe('the receiver', () => {
  const send = (url: string, secret: string) => {
    const body = JSON.stringify({ type: 'job.succeeded' });
    const at = new Date();
    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign('msg_1', at, body),
    };
    return fetch(url, { method: 'POST', headers, body });
  };

  test('accepts a message only if it is signed with its secret', async () => {
    const receiver = await startReceiver();
    const [good, bad] = [receiver.callback('good one'), receiver.callback('bad')];
    expect((await send(good.url, good.secret)).status).toBe(204);
    expect((await send(bad.url, good.secret)).status).toBe(401);
    expect((await send(`${bad.url}-unknown`, bad.secret)).status).toBe(404);
    expect(await receiver.message('good one')).toMatchObject({
      valid: true,
      id: 'msg_1',
      type: 'job.succeeded',
    });
    expect(await receiver.message('bad')).toMatchObject({ valid: false });
    await receiver.close();
  });
});

describe('the verdict', () => {
  const job = (change: object) =>
    ({ state: 'succeeded', attempts: [], result: { digest: 'sha256:1' }, ...change }) as unknown as Job;
  const good: Ending = {
    name: 'a',
    ends: 'succeeded',
    job: job({}),
    webhook: { valid: true, id: 'm', body: '', type: 'job.succeeded' },
  };
  const failing: Ending = {
    name: 'f',
    ends: 'failed',
    job: job({
      state: 'failed',
      result: undefined,
      error: { code: 'build_failed', detail: '', log_tail: ['l: test failed on purpose: x'] },
    }),
    webhook: { valid: true, id: 'm', body: '', type: 'job.failed' },
  };
  const sources = new Map([
    ['http-handler', { digest: 'd', created: true }],
    ['http-handler-twin', { digest: 'd', created: false }],
  ]);
  const answer = '{"greeting":"Hello, Slipway!"}';
  const wrong = (endings: Ending[], change = {}) => findProblems({ endings, sources, answer, ...change });
  const error = (change: object) => job({ ...failing.job, error: { ...failing.job?.error, ...change } });

  test('is good when everything succeeded', () => {
    expect(wrong([good, failing])).toEqual([]);
  });

  test.each<[string, Ending[], object, RegExp]>([
    ['a build that should not fail', [{ ...good, job: job({ state: 'failed' }) }], {}, /a failed/],
    ['a build that should fail', [{ ...failing, job: job({}) }], {}, /f succeeded/],
    [
      'another reason',
      [{ ...failing, job: error({ code: 'timed_out' }) }],
      {},
      /timed_out, not build_failed/,
    ],
    ['a log without the failing line', [{ ...failing, job: error({ log_tail: ['x'] }) }], {}, /failing line/],
    ['no digest', [{ ...good, job: job({ result: {} }) }], {}, /no digest/],
    ['a job that is gone', [{ ...good, job: undefined }], {}, /was not found/],
    ['no webhook', [{ ...good, webhook: undefined }], {}, /no webhook/],
    ['a webhook that says otherwise', [{ ...good, webhook: failing.webhook }], {}, /says job.failed/],
    ['a handler that does not answer', [good], { answer: undefined }, /answered nothing/],
    [
      'a twin that was stored',
      [good],
      { sources: new Map([...sources, ['http-handler-twin', { digest: 'd', created: true }]]) },
      /stored again/,
    ],
  ])('names %s', (_what, endings, change, expected) => {
    expect(wrong(endings, change).join()).toMatch(expected);
  });
});
