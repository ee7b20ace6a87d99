import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { SlipwayError } from '@slipway/shared/errors';
import { describe, expect, test } from 'vitest';
import { signatureOf } from '../testing/payload.js';
import { linesOf, postBuild, resultOf, streamed } from '../testing/post-build.js';
import { ScriptedEngine } from '../testing/scripted-engine.js';
import { goodBody as body, leftIn, refusalOf, startScripted } from '../testing/scripted-service.js';
import { startService } from '../testing/start-service.js';

describe('at its limit', () => {
  test('it answers 429 before it reads the body and in /ready, stays ready for orchestrators, and recovers', async () => {
    const { url, port, engine } = await startScripted({ MAX_INFLIGHT: '1' });
    const first = postBuild({ url, body });
    await expect.poll(() => engine.builds).toHaveLength(1);

    const request = httpRequest({
      ...{ port, host: '127.0.0.1', path: '/build', method: 'POST' },
      headers: { 'Content-Length': 1e6, 'X-Build-Signature': signatureOf(body) },
    });
    request.flushHeaders();
    const busy = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject);
    });
    expect(busy.statusCode).toBe(429);
    expect(busy.headers).toMatchObject({
      'retry-after': '1',
      'content-type': 'application/json; charset=utf-8',
    });
    const [text] = await busy.take(1).toArray();
    expect(JSON.parse(String(text))).toMatchObject({
      status: 'failed',
      code: 'builder_busy',
      error: expect.stringContaining('Concurrent request limit exceeded. Max concurrent requests 1.'),
    });
    request.on('error', () => {}).destroy();

    expect((await fetch(`${url}/ready`)).status).toBe(429);
    for (const path of ['/healthz', '/readyz']) expect((await fetch(url + path)).status, path).toBe(200);
    engine.builds[0]?.succeed();
    expect((await first).status).toBe(200);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  });

  test('a slot is free again when a client has read the last word, or was refused', async () => {
    const { url, engine } = await startScripted({ MAX_INFLIGHT: '1' });
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
    const { url, engine, workDir } = await startScripted({ MAX_INFLIGHT: '1' });
    const client = new AbortController();
    const gone = postBuild({ url, body, signal: client.signal }).catch((error) => error);
    await expect.poll(() => engine.builds).toHaveLength(1);
    client.abort();
    await gone;
    await expect.poll(() => engine.builds[0]?.run.signal.reason).toMatchObject({ code: 'canceled' });
    await expect.poll(() => leftIn(workDir)).toEqual([]);
    await expect.poll(async () => (await fetch(`${url}/ready`)).status).toBe(200);
  });

  test('when its time is over, which a request can only shorten', async () => {
    const { url } = await startScripted({ BUILD_TIMEOUT_MS: '100' });
    for (const limit of ['1', '100000', undefined]) {
      const headers = limit === undefined ? {} : { 'X-Slipway-Timeout-Ms': limit };
      expect(await resultOf(await postBuild({ url, body, headers }))).toMatchObject({
        status: 'failed',
        code: 'timed_out',
      });
    }
    for (const limit of ['0', '-1', 'soon', '1e3']) {
      const response = await postBuild({ url, body, headers: { 'X-Slipway-Timeout-Ms': limit } });
      expect(await refusalOf(response)).toEqual({ status: 422, code: 'request_invalid' });
    }
  });

  test('no sooner than the grace time allows when the service stops; new ones are refused meanwhile', async () => {
    const { url, engine, stop } = await startScripted();
    const running = postBuild({ url, body });
    await expect.poll(() => engine.builds).toHaveLength(1);
    const stopped = stop();
    for (const path of ['/ready', '/readyz']) {
      await expect.poll(async () => (await fetch(url + path)).status).toBe(503);
    }
    const refused = await postBuild({ url, body });
    expect(refused.headers.get('connection')).toBe('close');
    expect(await refusalOf(refused)).toEqual({ status: 503, code: 'builder_draining' });
    engine.builds[0]?.succeed();
    expect(await resultOf(await running)).toMatchObject({ status: 'success' });
    await stopped;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  test('after a line that says at once that the builder drains', async () => {
    const { url, engine, stop } = await startScripted();
    const early = linesOf(await postBuild({ url, body, headers: streamed }));
    const buffered = postBuild({ url, body });
    await expect.poll(() => engine.builds).toHaveLength(2);
    const stopped = stop();
    expect((await early.next()).value).toMatchObject({ log: [], status: 'in_progress', draining: true });
    for (const build of engine.builds) build.succeed();
    expect((await early.next()).value).toMatchObject({ status: 'success' });
    expect(await resultOf(await buffered)).toMatchObject({ status: 'success' });
    await stopped;
  });

  test('that said so too if it received its payload before the stop', async () => {
    const { url, port, engine, stop } = await startScripted();
    const request = httpRequest({
      ...{ port, host: '127.0.0.1', path: '/build', method: 'POST' },
      headers: { ...streamed, 'Content-Length': body.length, 'X-Build-Signature': signatureOf(body) },
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject);
    });
    request.write(body.subarray(0, 1));
    await expect.poll(async () => (await fetch(`${url}/metrics`)).text()).toContain('builds_in_flight 1\n');
    const stopped = stop();
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status).toBe(503);
    engine.onBuild = ({ succeed }) => succeed();
    request.end(body.subarray(1));
    const lines = String(Buffer.concat(await (await answered).toArray()))
      .trim()
      .split('\n');
    expect(JSON.parse(lines[0] ?? '')).toEqual({ log: [], status: 'in_progress', draining: true });
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ status: 'success' });
    await stopped;
  });

  test('and an idle builder still answers connected clients, which so see that it drains', async () => {
    const service = await startService({ engine: new ScriptedEngine(), lingerMs: 600_000 });
    const agent = new Agent({ keepAlive: true });
    const ready = () =>
      new Promise<IncomingMessage>((resolve, reject) => {
        httpRequest(`${service.url}/ready`, { agent }, (answer) =>
          answer.resume().once('end', () => resolve(answer)),
        )
          .once('error', reject)
          .end();
      });
    expect((await ready()).statusCode).toBe(200);
    const stopped = service.stop();
    const { statusCode, headers } = await ready();
    expect([statusCode, headers.connection]).toEqual([503, 'close']);
    await stopped;
  });

  test('with a last line when the grace time is over', async () => {
    const { url, engine, stop } = await startScripted({ SHUTDOWN_GRACE_MS: '200' });
    const response = await postBuild({ url, body, headers: streamed });
    await expect.poll(() => engine.builds).toHaveLength(1);
    const stopped = stop();
    const lines = [];
    for await (const line of linesOf(response)) lines.push(line);
    expect(lines.at(-1)).toMatchObject({ status: 'failed', code: 'builder_draining' });
    await stopped;
  });
});

describe('health and metrics', () => {
  test('it is not ready while its engine does not answer', async () => {
    const { url, engine } = await startScripted();
    engine.fault = new SlipwayError('engine_unreachable', 'BuildKit does not answer');
    const isReady = async (path: string) => (await fetch(`${url}${path}`)).status === 200;
    await expect.poll(() => isReady('/ready')).toBe(false);
    for (const path of ['/ready', '/readyz']) {
      const response = await fetch(`${url}${path}`);
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: 'engine_unreachable' });
    }
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('slipway_builder_engine_up 0\n');
    // Nothing is built, and the answer comes at once.
    expect(await refusalOf(await postBuild({ url, body }))).toEqual({
      status: 503,
      code: 'engine_unreachable',
    });
    expect(engine.builds).toEqual([]);
    engine.fault = undefined;
    await expect.poll(() => isReady('/ready')).toBe(true);
  });

  test.each(['engine_unreachable', 'builder_lost'] as const)(
    'an engine that a build found dead (%s) is known as dead before the build has its answer',
    async (code) => {
      const { url, engine } = await startScripted();
      engine.onBuild = ({ fail }) => {
        engine.fault = new SlipwayError('engine_unreachable', 'BuildKit does not answer');
        fail(new SlipwayError(code, 'error reading from server: EOF'));
      };
      expect(await resultOf(await postBuild({ url, body }))).toMatchObject({ status: 'failed', code });
      const response = await fetch(`${url}/ready`);
      expect([response.status, await response.json()]).toEqual([
        503,
        expect.objectContaining({ code: 'engine_unreachable' }),
      ]);
    },
  );

  test('a builder whose engine works is not dead because of a build that says so', async () => {
    const { url, engine } = await startScripted();
    engine.onBuild = ({ fail }) =>
      fail(new SlipwayError('builder_lost', 'The connection to BuildKit broke.'));
    await (await postBuild({ url, body })).text();
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  });

  test('builds, answers and bytes are counted', async () => {
    const { url, engine } = await startScripted();
    engine.onBuild = ({ succeed }) => succeed();
    await (await postBuild({ url, body })).text();
    await (await postBuild({ url, body: Buffer.from('x') })).text();
    engine.onBuild = () => {};
    const running = postBuild({ url, body });
    await expect.poll(() => engine.builds).toHaveLength(2);
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
    const { url, engine, log } = await startScripted();
    engine.onBuild = ({ fail }) => fail(new SlipwayError('build_failed', 'what the user wrote'));
    await (await postBuild({ url, body })).text();
    const ends = () =>
      log()
        .split('\n')
        .filter((line) => line.includes('build ended'));
    await expect.poll(() => ends()).toHaveLength(1);
    expect(JSON.parse(ends()[0] ?? '')).toMatchObject({
      ...{ engine: 'buildah', image: 'r.io/a:1', bytes: body.length, status: 'failed', code: 'build_failed' },
      ...{ receive_ms: expect.any(Number), build_seconds: expect.any(Number), total_ms: expect.any(Number) },
    });
    expect(log()).not.toContain('what the user wrote');
  });
});
