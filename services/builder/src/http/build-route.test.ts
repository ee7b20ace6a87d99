import { readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { SlipwayError } from '@slipway/shared/errors';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { payloadOf, signatureOf, tarOf, testSecret } from '../testing/payload.js';
import { linesOf, postBuild, resultOf, streamed } from '../testing/post-build.js';
import { ScriptedEngine } from '../testing/scripted-engine.js';
import { type StartedService, startService } from '../testing/start-service.js';

const body = payloadOf({ image: 'r.io/a:1', files: { Dockerfile: 'FROM scratch\n', app: 'x' } });
const digest = `sha256:${'a'.repeat(64)}`;

const services: StartedService[] = [];
afterEach(() => Promise.all(services.splice(0).map((service) => service.stop())));

async function start(env: Record<string, string> = {}, heartbeatMs = 15_000) {
  const engine = new ScriptedEngine();
  const service = await startService({ env, engine, heartbeatMs });
  services.push(service);
  return { ...service, engine };
}

/** What is left of sources in the work folder. */
async function leftIn(workDir: string): Promise<string[]> {
  const parts = await readdir(workDir);
  return (await Promise.all(parts.map((part) => readdir(join(workDir, part))))).flat();
}

const problemOf = async (response: Response) => {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  return { status: response.status, code: ((await response.json()) as { code: string }).code };
};

describe('the answer', () => {
  test('is one object at the end', async () => {
    const { url, engine, workDir } = await start();
    engine.onBuild = (build) => {
      build.run.onLog('v: one');
      build.run.onLog('l: two');
      build.succeed({ digest });
    };
    const response = await postBuild({ url, body });
    expect(response.status).toBe(200);
    const result = await resultOf(response);
    expect(result).toEqual({
      ...{ status: 'success', image: 'r.io/a:1', digest, log: ['v: one', 'l: two'] },
      duration: expect.any(Number),
    });
    expect(engine.builds[0]?.request).toMatchObject({
      image: 'r.io/a:1',
      buildArgs: {},
      platforms: [],
      push: true,
    });
    expect(await leftIn(workDir)).toEqual([]);
  });

  test('is a stream of lines when asked for, each as it happens', async () => {
    const { url, engine } = await start();
    const response = await postBuild({ url, body, headers: streamed });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = linesOf(response);
    await vi.waitFor(() => expect(engine.builds).toHaveLength(1));
    engine.builds[0]?.run.onLog('v: one');
    expect((await lines.next()).value).toMatchObject({ log: ['v: one'], status: 'in_progress' });
    engine.builds[0]?.run.onLog('l: two');
    engine.builds[0]?.run.onLog('l: three');
    expect((await lines.next()).value).toMatchObject({ log: ['l: two', 'l: three'], status: 'in_progress' });
    engine.builds[0]?.succeed({ digest });
    expect((await lines.next()).value).toMatchObject({ status: 'success', image: 'r.io/a:1', digest });
    expect((await lines.next()).done).toBe(true);
  });

  test('gives signs of life while nothing is said', async () => {
    const { url, engine } = await start({}, 10);
    const response = await postBuild({ url, body, headers: streamed });
    const lines = linesOf(response);
    for (let i = 0; i < 3; i++)
      expect((await lines.next()).value).toMatchObject({ log: [], status: 'in_progress' });
    engine.builds[0]?.succeed();
    let last: { status: string } | undefined;
    for await (const line of lines) last = line;
    expect(last?.status).toBe('success');
  });

  test('keeps each line of a stream short enough for every client, whatever is logged', async () => {
    const { url, engine } = await start();
    engine.onBuild = ({ run, fail }) => {
      for (let i = 0; i < 200; i++) run.onLog(`${i} ${'x'.repeat(2000)}`);
      for (const char of ['x', '\u0001', 'ä', '\ud83d\ude00', '\ud800']) run.onLog(char.repeat(200_000));
      fail(new SlipwayError('build_failed', '\u0001'.repeat(200_000)));
    };
    const lines = [];
    for await (const line of linesOf(await postBuild({ url, body, headers: streamed }))) lines.push(line);
    expect(Math.max(...lines.map((line) => line.bytes))).toBeLessThan(64 * 1024);
    const log = lines.flatMap((line) => line.log ?? []);
    expect(log).toHaveLength(205);
    expect(log.slice(0, 200).map((line) => Number.parseInt(line, 10))).toEqual([...Array(200).keys()]);
    expect(lines.at(-1)).toMatchObject({ status: 'failed', code: 'build_failed' });
  });

  test('leaves out lines for a client that does not keep up, and says so, but never the end', async () => {
    const { port, engine } = await start();
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `POST /build HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: application/x-ndjson\r\nContent-Length: ${body.length}\r\n` +
        `X-Build-Signature: ${signatureOf(body)}\r\n\r\n`,
    );
    socket.write(body);
    await vi.waitFor(() => expect(engine.builds).toHaveLength(1));
    const line = `l: ${'x'.repeat(8000)}`;
    for (let i = 0; i < 40; i++) {
      for (let j = 0; j < 100; j++) engine.builds[0]?.run.onLog(line);
      await new Promise((resolve) => setImmediate(resolve));
    }
    let received = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      received += chunk;
    });
    engine.builds[0]?.succeed({ digest });
    await new Promise((resolve) => socket.once('close', resolve));
    expect(received.length).toBeLessThan(20_000_000);
    expect(received).toMatch(/\[\d+ lines of the log were left out here\]/);
    expect(received).toMatch(/"status":"success".*\n/);
  });

  test('keeps the end of a buffered log that is too long', async () => {
    const { url, engine } = await start();
    engine.onBuild = ({ run, succeed }) => {
      for (let i = 0; i < 1000; i++) run.onLog(`${i} ${'x'.repeat(8000)}`);
      succeed();
    };
    const { log = [] } = await resultOf(await postBuild({ url, body }));
    expect(log[0]).toMatch(/^\[\d+ lines of the log were left out here\]$/);
    expect(log.at(-1)).toMatch(/^999 /);
    expect(log.join('').length).toBeLessThan(4 * 1024 * 1024 + 100);
  });

  test('of a failed build is a 200 with status, code and error', async () => {
    const { url, engine, workDir } = await start();
    engine.onBuild = ({ fail }) => fail(new SlipwayError('push_failed', 'no room'));
    const response = await postBuild({ url, body });
    expect(response.status).toBe(200);
    expect(await resultOf(response)).toMatchObject({
      status: 'failed',
      code: 'push_failed',
      error: 'no room',
      image: 'r.io/a:1',
    });
    expect(await leftIn(workDir)).toEqual([]);
  });

  test('shows nothing of the inside of an unexpected error, which is logged instead', async () => {
    const { url, engine, log } = await start();
    engine.onBuild = ({ fail }) => fail(new Error('the inside'));
    const result = await resultOf(await postBuild({ url, body }));
    expect(result).toMatchObject({ status: 'failed', code: 'internal' });
    expect(JSON.stringify(result)).not.toContain('inside');
    await vi.waitFor(() => expect(log()).toContain('the inside'));
  });
});

describe('the signature', () => {
  test('is asked for before the body is', async () => {
    const { port } = await start();
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      path: '/build',
      method: 'POST',
      headers: { 'Content-Length': 1e6 },
    });
    request.flushHeaders();
    const status = await new Promise((resolve, reject) => {
      request.once('response', (response) => resolve(response.statusCode)).once('error', reject);
    });
    expect(status).toBe(401);
    request.on('error', () => {}).destroy();
  });

  test.each([
    ['of another secret', signatureOf(body).replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))],
    ['in no known form', 'sha1=abc'],
    ['of nothing', ''],
  ])('that is %s is refused, and nothing is kept', async (_what, signature) => {
    const { url, engine, workDir } = await start();
    const response = await postBuild({ url, body, headers: { 'X-Build-Signature': signature } });
    expect(await problemOf(response)).toEqual({ status: 401, code: 'signature_invalid' });
    expect(engine.builds).toEqual([]);
    expect(await leftIn(workDir)).toEqual([]);
  });

  test('is checked before anything is unpacked', async () => {
    const { url } = await start();
    const hostile = tarOf([{ path: '../../escaped', content: 'x' }]);
    const headers = { 'X-Build-Signature': signatureOf(body) };
    expect(await problemOf(await postBuild({ url, body: hostile, headers }))).toEqual({
      status: 401,
      code: 'signature_invalid',
    });
    expect(await problemOf(await postBuild({ url, body: hostile }))).toEqual({
      status: 422,
      code: 'source_path_unsafe',
    });
  });

  test('and the secret are in no log', async () => {
    const { url, engine, log } = await start();
    engine.onBuild = ({ succeed }) => succeed();
    await postBuild({ url, body });
    await vi.waitFor(() => expect(log()).toContain('build ended'));
    expect(log()).not.toContain(testSecret.reveal());
    expect(log()).not.toContain(signatureOf(body).slice(7));
  });
});

describe('refuses', () => {
  const config = 'com.openfaas.docker.config';
  const dockerfile = { path: 'context/Dockerfile', content: 'FROM scratch' };
  test.each([
    ['bad JSON', 400, 'json_invalid', tarOf([{ path: config, content: '{' }, dockerfile])],
    ['a bad image', 422, 'image_invalid', payloadOf({ image: 'A B', files: { Dockerfile: 'FROM scratch' } })],
    ['no Dockerfile', 422, 'source_invalid', payloadOf({ files: { file: 'x' } })],
    ['no config', 422, 'request_invalid', tarOf([dockerfile])],
    ['what is no tar', 422, 'source_corrupt', Buffer.from('hello')],
  ])('%s', async (_what, status, code, payload) => {
    const { url, engine, workDir } = await start();
    expect(await problemOf(await postBuild({ url, body: payload }))).toEqual({ status, code });
    expect(await problemOf(await postBuild({ url, body: payload, headers: streamed }))).toEqual({
      status,
      code,
    });
    expect(engine.builds).toEqual([]);
    expect(await leftIn(workDir)).toEqual([]);
  });

  test('a body that is too large, announced or not', async () => {
    const { url, workDir } = await start({ MAX_SOURCE_BYTES: '4096' });
    const big = Buffer.alloc(1_000_000);
    expect(await problemOf(await postBuild({ url, body: big }))).toEqual({
      status: 413,
      code: 'body_too_large',
    });
    const chunked = await fetch(`${url}/build`, {
      method: 'POST',
      headers: { 'X-Build-Signature': signatureOf(big) },
      body: new Blob([big]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect(await problemOf(chunked)).toEqual({ status: 413, code: 'body_too_large' });
    expect(await leftIn(workDir)).toEqual([]);
  });

  test('a large body without losing the connection', async () => {
    const { port } = await start({ MAX_SOURCE_BYTES: '4096' });
    const socket = connect(port, '127.0.0.1');
    let answers = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      answers += chunk;
    });
    const big = Buffer.alloc(8_000_000);
    socket.write(
      `POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nX-Build-Signature: ${signatureOf(big)}\r\n\r\n` +
        `${big.length.toString(16)}\r\n`,
    );
    socket.write(big);
    socket.write('\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200']);
  });

  test('a body that is cut short', async () => {
    const { port, engine, workDir } = await start();
    const head =
      `POST /build HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n` +
      `X-Build-Signature: ${signatureOf(body)}\r\n\r\n`;
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      answer += chunk;
    });
    socket.write(head);
    socket.end(body.subarray(0, 700));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":"body_incomplete"');
    await vi.waitFor(async () => expect(await leftIn(workDir)).toEqual([]));
    expect(engine.builds).toEqual([]);
  });

  test('what is no HTTP', async () => {
    const { port } = await start();
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      answer += chunk;
    });
    socket.end('hello\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*application\/problem\+json/s);
  });

  test('a frontend that is not allowlisted, as a failed build', async () => {
    const { url, engine } = await start({ ALLOWED_FRONTENDS: 'docker/dockerfile:1' });
    engine.onBuild = ({ succeed }) => succeed();
    const of = (syntax: string) => payloadOf({ files: { Dockerfile: `# syntax=${syntax}\nFROM scratch\n` } });
    const refused = await resultOf(await postBuild({ url, body: of('evil/fe') }));
    expect(refused).toMatchObject({ status: 'failed', code: 'frontend_not_allowed' });
    expect(engine.builds).toEqual([]);
    expect(await resultOf(await postBuild({ url, body: of('docker.io/docker/dockerfile:1') }))).toMatchObject(
      { status: 'success' },
    );
  });

  test('other methods and other paths', async () => {
    const { url } = await start();
    const got = await fetch(`${url}/build`);
    expect(got.headers.get('allow')).toBe('POST');
    expect(await problemOf(got)).toEqual({ status: 405, code: 'method_not_allowed' });
    expect(await problemOf(await fetch(`${url}/nowhere`))).toEqual({ status: 404, code: 'not_found' });
  });
});

describe('at its limit', () => {
  test('it answers 429 before it reads the body, is not ready, and recovers', async () => {
    const { url, port, engine } = await start({ MAX_INFLIGHT: '1' });
    const first = postBuild({ url, body });
    await vi.waitFor(() => expect(engine.builds).toHaveLength(1));

    const request = httpRequest({
      ...{ port, host: '127.0.0.1', path: '/build', method: 'POST' },
      headers: { 'Content-Length': 1e6, 'X-Build-Signature': signatureOf(body) },
    });
    request.flushHeaders();
    const busy = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject);
    });
    expect(busy.statusCode).toBe(429);
    expect(busy.headers).toMatchObject({ 'retry-after': '1', 'content-type': 'text/plain; charset=utf-8' });
    const [text] = await busy.take(1).toArray();
    expect(String(text)).toBe('Concurrent request limit exceeded. Max concurrent requests 1\n');
    request.on('error', () => {}).destroy();

    expect((await fetch(`${url}/ready`)).status).toBe(429);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    engine.builds[0]?.succeed();
    expect((await first).status).toBe(200);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  });

  test('a slot is free again when a client has read the last word, or was refused', async () => {
    const { url, engine } = await start({ MAX_INFLIGHT: '1' });
    engine.onBuild = ({ succeed }) => succeed();
    for (let i = 0; i < 20; i++) {
      const response = await postBuild({ url, body, headers: i % 2 ? streamed : {} });
      expect(response.status).toBe(200);
      await response.text();
      expect((await postBuild({ url, body: Buffer.from('x') })).status).toBe(422);
    }
  });
});

describe('a build is stopped', () => {
  test('when its client goes away', async () => {
    const { url, engine, workDir } = await start({ MAX_INFLIGHT: '1' });
    const client = new AbortController();
    const gone = postBuild({ url, body, signal: client.signal }).catch((error) => error);
    await vi.waitFor(() => expect(engine.builds).toHaveLength(1));
    client.abort();
    await gone;
    await vi.waitFor(() => expect(engine.builds[0]?.run.signal.reason).toMatchObject({ code: 'canceled' }));
    await vi.waitFor(async () => expect(await leftIn(workDir)).toEqual([]));
    await vi.waitFor(async () => expect((await fetch(`${url}/ready`)).status).toBe(200));
  });

  test('when its time is over, which a request can only shorten', async () => {
    const { url } = await start({ BUILD_TIMEOUT_MS: '100' });
    for (const limit of ['1', '100000', undefined]) {
      const headers = limit === undefined ? {} : { 'X-Slipway-Timeout-Ms': limit };
      expect(await resultOf(await postBuild({ url, body, headers }))).toMatchObject({
        status: 'failed',
        code: 'timed_out',
      });
    }
    for (const limit of ['0', '-1', 'soon', '1e3']) {
      const response = await postBuild({ url, body, headers: { 'X-Slipway-Timeout-Ms': limit } });
      expect(await problemOf(response)).toEqual({ status: 422, code: 'request_invalid' });
    }
  });

  test('no sooner than the grace time allows when the service stops; new ones are refused meanwhile', async () => {
    const { url, engine, stop } = await start();
    const running = postBuild({ url, body });
    await vi.waitFor(() => expect(engine.builds).toHaveLength(1));
    const stopped = stop();
    await vi.waitFor(async () => expect((await fetch(`${url}/ready`)).status).toBe(503));
    const refused = await postBuild({ url, body });
    expect(refused.headers.get('connection')).toBe('close');
    expect(await problemOf(refused)).toEqual({ status: 503, code: 'builder_draining' });
    engine.builds[0]?.succeed();
    expect(await resultOf(await running)).toMatchObject({ status: 'success' });
    await stopped;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  test('with a last line when the grace time is over', async () => {
    const { url, engine, stop } = await start({ SHUTDOWN_GRACE_MS: '200' });
    const response = await postBuild({ url, body, headers: streamed });
    await vi.waitFor(() => expect(engine.builds).toHaveLength(1));
    const stopped = stop();
    const lines = [];
    for await (const line of linesOf(response)) lines.push(line);
    expect(lines.at(-1)).toMatchObject({ status: 'failed', code: 'builder_draining' });
    await stopped;
  });
});

describe('health and metrics', () => {
  test('it is not ready while its engine does not answer', async () => {
    const { url, engine } = await start();
    engine.fault = new SlipwayError('builder_unreachable', 'BuildKit does not answer');
    for (const path of ['/ready', '/readyz']) {
      const response = await fetch(`${url}${path}`);
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: 'builder_unreachable' });
    }
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(engine.checks).toBe(1);
  });

  test('builds, answers and bytes are counted', async () => {
    const { url, engine } = await start();
    engine.onBuild = ({ succeed }) => succeed();
    await (await postBuild({ url, body })).text();
    await (await postBuild({ url, body: Buffer.from('x') })).text();
    engine.onBuild = () => {};
    const running = postBuild({ url, body });
    await vi.waitFor(() => expect(engine.builds).toHaveLength(2));
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('slipway_builder_builds_in_flight 1\n');
    expect(metrics).toContain('slipway_builder_build_duration_seconds_count{status="success"} 1\n');
    expect(metrics).toContain('slipway_builder_http_responses_total{status="200"} 1\n');
    expect(metrics).toContain('slipway_builder_http_responses_total{status="422"} 1\n');
    expect(metrics).toContain(`slipway_builder_received_bytes_total ${2 * body.length + 1}\n`);
    engine.builds[1]?.succeed();
    await running;
  });

  test('each build is one line of the log', async () => {
    const { url, engine, log } = await start();
    engine.onBuild = ({ fail }) => fail(new SlipwayError('build_failed', 'what the user wrote'));
    await (await postBuild({ url, body })).text();
    const ends = () =>
      log()
        .split('\n')
        .filter((line) => line.includes('build ended'));
    await vi.waitFor(() => expect(ends()).toHaveLength(1));
    expect(JSON.parse(ends()[0] ?? '')).toMatchObject({
      ...{ engine: 'buildah', image: 'r.io/a:1', bytes: body.length, status: 'failed', code: 'build_failed' },
      ...{ receive_ms: expect.any(Number), build_seconds: expect.any(Number), total_ms: expect.any(Number) },
    });
    expect(log()).not.toContain('what the user wrote');
  });
});
