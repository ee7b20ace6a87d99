import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '@slipway/local';
import type { BuilderResult } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { describe, expect, onTestFinished, test } from 'vitest';
import { callBuild, namedHeaders, postNamed } from '../testing/build-calls.js';
import { signatureOf, testSecret } from '../testing/payload.js';
import { linesOf, postBuild, resultOf } from '../testing/post-build.js';
import {
  goodBody as body,
  someDigest as digest,
  leftIn,
  problemOf,
  refusalOf,
  startScripted,
} from '../testing/scripted-service.js';

type Scripted = Awaited<ReturnType<typeof startScripted>>;

async function allLines(response: Response): Promise<BuilderResult[]> {
  const lines = [];
  for await (const line of linesOf(response)) lines.push(line);
  return lines;
}

/** The numbered lines of a log, and the last line. */
async function readBuild(response: Response) {
  const lines = await allLines(response);
  const log = lines.flatMap(({ log = [], line = 0 }) => log.map((text, at) => [line + at, text]));
  return { log, last: lines.at(-1), lines };
}

/** Starts a build with an id, and breaks its connection. Resolves when the builder has noticed that. */
async function detached({ url, engine }: Scripted, id = 'att_1') {
  const client = new AbortController();
  const before = engine.builds.length;
  const response = await postNamed({ url, body, id, signal: client.signal });
  expect(response.status).toBe(200);
  await expect.poll(() => engine.builds).toHaveLength(before + 1);
  client.abort();
  await expect.poll(async () => (await fetch(`${url}/metrics`)).text()).toMatch(/detached_builds [1-9]/);
  const build = engine.builds[before];
  if (!build) throw new Error('no build');
  return build;
}

describe('a build with an id', () => {
  test('goes on when its caller is gone, and keeps its slot; another client reads on where the first one was', async () => {
    const service = await startScripted({ MAX_INFLIGHT: '1' });
    const { url, workDir } = service;
    const build = await detached(service);
    for (const text of ['v: one', 'l: two', 'l: three']) build.run.onLog(text);
    expect(build.run.signal.aborted).toBe(false);
    expect(await refusalOf(await postBuild({ url, body }))).toEqual({ status: 429, code: 'builder_busy' });
    const lines = linesOf(await callBuild({ url, from: 1 }));
    expect((await lines.next()).value).toMatchObject({
      ...{ log: ['l: two', 'l: three'], line: 1, status: 'in_progress' },
    });
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('slipway_builder_build_readers 1\n');
    build.run.onLog('l: four');
    expect((await lines.next()).value).toMatchObject({ log: ['l: four'], line: 3, status: 'in_progress' });
    build.succeed({ digest });
    expect((await lines.next()).value).toMatchObject({
      status: 'success',
      image: 'r.io/a:1',
      digest,
      line: 4,
    });
    expect((await lines.next()).done).toBe(true);
    expect(await leftIn(workDir)).toEqual([]);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('slipway_builder_detached_builds 0\n');
    expect(metrics).toContain('slipway_builder_results_kept 1\n');
  });

  test('shows its result after its end to every client that asks', async () => {
    const { url, engine } = await startScripted();
    engine.onBuild = ({ run, fail }) => {
      run.onLog('l: one');
      run.onLog('l: two');
      fail(new SlipwayError('build_failed', 'exit code: 1'));
    };
    const failed = { status: 'failed', code: 'build_failed', error: 'exit code: 1', line: 2 };
    const first = await readBuild(await postNamed({ url, body }));
    expect(first).toMatchObject({
      log: [
        [0, 'l: one'],
        [1, 'l: two'],
      ],
      last: failed,
    });
    expect((await readBuild(await callBuild({ url }))).lines).toEqual(first.lines);
    expect(await readBuild(await callBuild({ url, from: 1 }))).toMatchObject({
      log: [[1, 'l: two']],
      last: failed,
    });
    for (const from of [2, 99])
      expect(await readBuild(await callBuild({ url, from }))).toMatchObject({ log: [], last: failed });
  });

  test('answers a client that wants one object with one, and keeps the result too', async () => {
    const { url, engine } = await startScripted();
    engine.onBuild = ({ run, succeed }) => {
      run.onLog('l: one');
      succeed({ digest });
    };
    const answer = await postNamed({ url, body, headers: {} });
    expect(await resultOf(answer)).toMatchObject({ status: 'success', digest, log: ['l: one'] });
    expect(await readBuild(await callBuild({ url }))).toMatchObject({
      ...{ log: [[0, 'l: one']], last: { status: 'success', digest, line: 1 } },
    });
  });

  test('begins once: an id that is known is refused, also by a full and by a draining builder', async () => {
    const service = await startScripted({ MAX_INFLIGHT: '1' });
    const { url, engine, stop } = service;
    const build = await detached(service);
    const again = async () => await refusalOf(await postNamed({ url, body }));
    expect(await again()).toEqual({ status: 409, code: 'build_exists' });
    const stopped = stop();
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status).toBe(503);
    expect(await again()).toEqual({ status: 409, code: 'build_exists' });
    expect(await refusalOf(await postNamed({ url, body, id: 'att_2' }))).toEqual({
      ...{ status: 503, code: 'builder_draining' },
    });
    build.succeed();
    await readBuild(await callBuild({ url }));
    await stopped;
    expect(engine.builds).toHaveLength(1);
  });

  test('is not known when its payload was refused or broke off, and a client that asks meanwhile waits for that', async () => {
    const { url, port, engine } = await startScripted();
    const wrong = Buffer.from('no tar');
    expect((await postNamed({ url, body: wrong })).status).toBe(422);
    expect(await problemOf(await callBuild({ url }))).toEqual({ status: 404, code: 'build_not_found' });
    const upload = (id: string) => {
      const request = httpRequest({
        ...{ port, host: '127.0.0.1', path: '/build', method: 'POST' },
        headers: {
          ...{ 'Content-Length': body.length, 'X-Build-Signature': signatureOf(body) },
          ...namedHeaders(body, id),
        },
      });
      request.on('error', () => {}).write(body.subarray(0, 1));
      return request;
    };
    const arriving = async (count: number) =>
      await expect.poll(async () => (await fetch(`${url}/metrics`)).text()).toContain(`in_flight ${count}\n`);
    const broken = upload('att_2');
    await arriving(1);
    const asked = callBuild({ url, id: 'att_2' });
    broken.destroy();
    expect(await problemOf(await asked)).toEqual({ status: 404, code: 'build_not_found' });
    const whole = upload('att_2');
    await arriving(1);
    engine.onBuild = ({ succeed }) => succeed();
    const waiting = callBuild({ url, id: 'att_2' });
    whole.end(body.subarray(1));
    expect((await readBuild(await waiting)).last).toMatchObject({ status: 'success' });
  });

  test('is canceled by any client, and is over when that is answered', async () => {
    const service = await startScripted({ MAX_INFLIGHT: '1' });
    const { url, workDir } = service;
    const build = await detached(service);
    const reading = callBuild({ url }).then(readBuild);
    await expect.poll(async () => (await fetch(`${url}/metrics`)).text()).toContain('build_readers 1\n');
    expect((await callBuild({ url, method: 'DELETE' })).status).toBe(204);
    expect(build.run.signal.reason).toMatchObject({ code: 'canceled' });
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    expect(await leftIn(workDir)).toEqual([]);
    expect((await reading).last).toMatchObject({ status: 'failed', code: 'canceled' });
    expect((await callBuild({ url, method: 'DELETE' })).status).toBe(204);
    expect((await readBuild(await callBuild({ url }))).last).toMatchObject({ code: 'canceled' });
    const unknown = await callBuild({ url, id: 'att_9', method: 'DELETE' });
    expect(await problemOf(unknown)).toEqual({ status: 404, code: 'build_not_found' });
  });

  test('stops when no client has read it for long enough, and not before', async () => {
    const service = await startScripted({ DETACHED_BUILD_MS: '100' });
    const { url, engine } = service;
    const client = new AbortController();
    await postNamed({ url, body, id: 'read', signal: client.signal });
    await expect.poll(() => engine.builds).toHaveLength(1);
    const leaving = new AbortController();
    await postNamed({ url, body, id: 'left', signal: leaving.signal });
    leaving.abort();
    await expect.poll(() => engine.builds[1]?.run.signal.reason).toMatchObject({ code: 'build_abandoned' });
    expect(engine.builds[0]?.run.signal.aborted).toBe(false);
    client.abort();
    await expect.poll(() => engine.builds[0]?.run.signal.reason).toMatchObject({ code: 'build_abandoned' });
    expect((await readBuild(await callBuild({ url, id: 'left' }))).last).toMatchObject({
      ...{ status: 'failed', code: 'build_abandoned' },
    });
  });

  test('keeps its time limit', async () => {
    const { url } = await startScripted();
    const client = new AbortController();
    const headers = { Accept: 'application/x-ndjson', 'X-Slipway-Timeout-Ms': '200' };
    await postNamed({ url, body, headers, signal: client.signal });
    client.abort();
    expect((await readBuild(await callBuild({ url }))).last).toMatchObject({ code: 'timed_out' });
  });

  test('is forgotten some time after its end', async () => {
    const { url, engine } = await startScripted({ BUILD_RESULT_MS: '50' });
    engine.onBuild = ({ succeed }) => succeed();
    await readBuild(await postNamed({ url, body }));
    await expect.poll(async () => (await callBuild({ url })).status).toBe(404);
  });

  test('loses the oldest lines of a log that is too long, and numbers show which', async () => {
    const service = await startScripted({ BUILD_LOG_BYTES: String(64 * 1024) });
    const { url } = service;
    const build = await detached(service);
    for (let i = 0; i < 5_000; i++) build.run.onLog(`${i} ${'x'.repeat(90)}`);
    build.succeed();
    const { log, last } = await readBuild(await callBuild({ url, from: 7 }));
    expect(log[0]?.[0]).toBeGreaterThan(7);
    expect(log.at(-1)?.[0]).toBe(4_999);
    for (const [line, text] of log) expect(Number.parseInt(String(text), 10)).toBe(line);
    expect(last).toMatchObject({ status: 'success', line: 5_000 });
  });

  test('loses no line for a client that reads slowly, as far as they are kept', async () => {
    const service = await startScripted();
    const { port, engine, url } = service;
    const socket = connect(port, '127.0.0.1');
    const headers = {
      ...namedHeaders(body, 'att_1'),
      'X-Build-Signature': signatureOf(body),
      Accept: 'application/x-ndjson',
    };
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(
      `POST /build HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n${head.join('')}\r\n`,
    );
    socket.write(body);
    await expect.poll(() => engine.builds).toHaveLength(1);
    for (let i = 0; i < 30_000; i++) engine.builds[0]?.run.onLog(`${i} ${'x'.repeat(90)}`);
    engine.builds[0]?.succeed({ digest });
    // Another client is not held up.
    expect((await readBuild(await callBuild({ url }))).log).toHaveLength(30_000);
    let received = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      received += chunk;
    });
    await new Promise((resolve) => socket.once('close', resolve));
    for (const line of [0, 15_000, 29_999]) expect(received).toContain(`"${line} xxx`);
    expect(received).toMatch(/"status":"success".*"line":30000/);
  });

  test('is finished by a builder that is stopped, which waits for a client to read the result', async () => {
    const service = await startScripted();
    const { url, stop } = service;
    const build = await detached(service);
    const stopped = stop();
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status).toBe(503);
    build.succeed({ digest });
    const { lines, last } = await readBuild(await callBuild({ url }));
    expect(lines[0]).toMatchObject({ log: [], draining: true });
    expect(last).toMatchObject({ status: 'success', digest });
    await stopped;
  });

  test('is ended with the grace time of a builder that is stopped, also with a reader', async () => {
    const service = await startScripted({ SHUTDOWN_GRACE_MS: '300' });
    const build = await detached(service);
    await service.stop();
    expect(build.run.signal.reason).toMatchObject({ code: 'builder_draining' });
  });

  test('sends heartbeats to its readers', async () => {
    const service = await startScripted({}, 10);
    const build = await detached(service);
    const lines = linesOf(await callBuild({ url: service.url }));
    for (let i = 0; i < 3; i++)
      expect((await lines.next()).value).toMatchObject({ log: [], status: 'in_progress' });
    build.succeed();
    await service.stop();
  });
});

describe('calls about a build', () => {
  test('need a signature of their own, of the last minutes', async () => {
    const { url, engine } = await startScripted();
    engine.onBuild = ({ succeed }) => succeed();
    await readBuild(await postNamed({ url, body }));
    expect(await problemOf(await fetch(`${url}/builds/att_1`))).toEqual({
      status: 401,
      code: 'signature_missing',
    });
    const headers = { 'X-Slipway-Signature': `t=${Math.floor(Date.now() / 1_000)},v1=${'0'.repeat(64)}` };
    for (const method of ['GET', 'DELETE'])
      expect(await problemOf(await fetch(`${url}/builds/att_1`, { method, headers }))).toEqual({
        ...{ status: 401, code: 'signature_invalid' },
      });
    // The signature of the payload alone is not enough, nor is that of another payload.
    const unsigned = await postBuild({ url, body, headers: { 'X-Slipway-Build': 'att_2' } });
    expect(await refusalOf(unsigned)).toEqual({ status: 401, code: 'signature_missing' });
    const other = await postBuild({ url, body, headers: namedHeaders(Buffer.from('other'), 'att_2') });
    expect(await refusalOf(other)).toEqual({ status: 401, code: 'signature_invalid' });
    const old = await postNamed({ url, body, id: 'att_2', at: new Date(Date.now() - 400_000) });
    expect(Date.parse(old.headers.get('date') ?? '')).toBeGreaterThan(Date.now() - 60_000);
    expect(await refusalOf(old)).toEqual({ status: 401, code: 'signature_expired' });
    expect(engine.builds).toHaveLength(1);
  });

  test('need an id, a line and a method that exist', async () => {
    const { url, engine } = await startScripted();
    engine.onBuild = ({ succeed }) => succeed();
    await readBuild(await postNamed({ url, body }));
    const noId = await postBuild({ url, body, headers: { 'X-Slipway-Build': 'a/b' } });
    expect(await refusalOf(noId)).toEqual({ status: 422, code: 'request_invalid' });
    expect(await problemOf(await callBuild({ url, from: -1 }))).toEqual({
      status: 422,
      code: 'request_invalid',
    });
    expect((await fetch(`${url}/builds/att_1`, { method: 'PUT' })).status).toBe(405);
  });

  test('work from a shell as the documentation says', async () => {
    const { url, engine } = await startScripted();
    engine.onBuild = ({ run, succeed }) => {
      for (let line = 0; line < 9; line++) run.onLog(`line ${line}`);
      succeed({ digest });
    };
    const page = await readFile(new URL('../../../../docs/function-builder-api.md', import.meta.url), 'utf8');
    const script = page.split('```').find((block) => block.startsWith('sh\nSECRET=')) ?? '';
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    await writeFile(join(folder.path, 'payload-secret'), `${testSecret.reveal()}\n`);
    await writeFile(join(folder.path, 'req.tar'), body);
    const { stdout } = await promisify(execFile)('sh', ['-euc', script.slice('sh\n'.length)], {
      cwd: folder.path,
      env: { PATH: process.env.PATH, BUILDER_URL: url },
    });
    const lines = stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as BuilderResult)
      .filter(({ log }) => log?.length !== 0);
    const success = { status: 'success', digest, line: 9 };
    expect(lines.filter(({ status }) => status === 'success')).toMatchObject([success, success]);
    expect(lines).toContainEqual({ log: ['line 7', 'line 8'], line: 7, status: 'in_progress' });
  });

  test.each([{ DETACHED_BUILD_MS: '0' }, { DISABLE_HMAC: 'true' }])(
    'do not exist where builds end with their connection: %j',
    async (env) => {
      const { url, engine } = await startScripted(env);
      const { headers } = await fetch(`${url}/healthz`);
      expect(headers.get('x-slipway-features')).toBe('build-options');
      const client = new AbortController();
      await postNamed({ url, body, signal: client.signal });
      await expect.poll(() => engine.builds).toHaveLength(1);
      client.abort();
      await expect.poll(() => engine.builds[0]?.run.signal.reason).toMatchObject({ code: 'canceled' });
      expect(await problemOf(await callBuild({ url }))).toEqual({ status: 404, code: 'not_found' });
    },
  );

  test('are announced', async () => {
    const { url } = await startScripted();
    for (const path of ['/healthz', '/publickey'])
      expect((await fetch(url + path)).headers.get('x-slipway-features')).toBe(
        'build-options,attachable-builds',
      );
  });
});
