import { connect } from 'node:net';
import { SlipwayError } from '@slipway/shared/errors';
import { describe, expect, test } from 'vitest';
import { signatureOf } from '../testing/payload.js';
import { linesOf, postBuild, resultOf, streamed } from '../testing/post-build.js';
import {
  goodBody as body,
  someDigest as digest,
  leftIn,
  startScripted,
} from '../testing/scripted-service.js';

describe('the answer', () => {
  test('is one object at the end', async () => {
    const { url, engine, workDir } = await startScripted();
    const bases = [{ reference: 'r.io/base:1', digest }];
    engine.onBuild = (build) => {
      build.run.onLog('v: one');
      build.run.onLog('l: two');
      build.succeed({ digest, bases });
    };
    const response = await postBuild({ url, body });
    expect(response.status).toBe(200);
    const result = await resultOf(response);
    expect(result).toEqual({
      ...{ status: 'success', image: 'r.io/a:1', digest, bases, log: ['v: one', 'l: two'] },
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
    const { url, engine } = await startScripted();
    const response = await postBuild({ url, body, headers: streamed });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = linesOf(response);
    await expect.poll(() => engine.builds).toHaveLength(1);
    engine.builds[0]?.run.onLog('v: one');
    expect((await lines.next()).value).toMatchObject({ log: ['v: one'], status: 'in_progress' });
    engine.builds[0]?.run.onLog('l: two');
    engine.builds[0]?.run.onLog('l: three');
    expect((await lines.next()).value).toMatchObject({ log: ['l: two', 'l: three'], status: 'in_progress' });
    engine.builds[0]?.succeed({ digest });
    expect((await lines.next()).value).toMatchObject({ status: 'success', image: 'r.io/a:1', digest });
    expect((await lines.next()).done).toBe(true);
  });

  test('sends heartbeats while the build logs nothing', async () => {
    const { url, engine } = await startScripted({}, 10);
    const response = await postBuild({ url, body, headers: streamed });
    const lines = linesOf(response);
    for (let i = 0; i < 3; i++)
      expect((await lines.next()).value).toMatchObject({ log: [], status: 'in_progress' });
    // Heartbeats begin before the build does.
    await expect.poll(() => engine.builds).toHaveLength(1);
    engine.builds[0]?.succeed();
    let last: { status: string } | undefined;
    for await (const line of lines) last = line;
    expect(last?.status).toBe('success');
  });

  test('keeps each line of a stream short enough for every client, whatever is logged', async () => {
    const { url, engine } = await startScripted();
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
    const { port, engine } = await startScripted();
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `POST /build HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: application/x-ndjson\r\nContent-Length: ${body.length}\r\n` +
        `X-Build-Signature: ${signatureOf(body)}\r\n\r\n`,
    );
    socket.write(body);
    await expect.poll(() => engine.builds).toHaveLength(1);
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
    const { url, engine } = await startScripted();
    engine.onBuild = ({ run, succeed }) => {
      for (let i = 0; i < 1000; i++) run.onLog(`${i} ${'x'.repeat(8000)}`);
      succeed();
    };
    const { log = [] } = await resultOf(await postBuild({ url, body }));
    expect(log[0]).toMatch(/^\[\d+ lines of the log were left out here\]$/);
    expect(log.at(-1)).toMatch(/^999 /);
    expect(log.join('').length).toBeLessThan(4 * 1024 * 1024 + 100);
  });

  test('of a failed build is a 500 with status, code, error and log, and a stream stays a 200', async () => {
    const { url, engine, workDir } = await startScripted();
    engine.onBuild = ({ run, fail }) => {
      run.onLog('l: one');
      fail(new SlipwayError('push_failed', 'no room'));
    };
    const response = await postBuild({ url, body });
    expect(response.status).toBe(500);
    expect(response.headers.get('content-type')).toMatch(/^application\/json\b/);
    const failed = { status: 'failed', code: 'push_failed', error: 'no room', image: 'r.io/a:1' };
    expect(await resultOf(response)).toEqual({ ...failed, log: ['l: one'], duration: expect.any(Number) });
    const stream = await postBuild({ url, body, headers: streamed });
    expect(stream.status).toBe(200);
    let last: unknown;
    for await (const line of linesOf(stream)) last = line;
    expect(last).toMatchObject(failed);
    expect(await leftIn(workDir)).toEqual([]);
  });

  test('of a build that a stopping builder aborts asks the client to try again', async () => {
    const { url, engine, stop } = await startScripted({ SHUTDOWN_GRACE_MS: '200' });
    const answer = postBuild({ url, body });
    await expect.poll(() => engine.builds).toHaveLength(1);
    const stopped = stop();
    const response = await answer;
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
    expect(await resultOf(response)).toMatchObject({ status: 'failed', code: 'builder_draining' });
    await stopped;
  });

  test('shows nothing of the inside of an unexpected error, which is logged instead', async () => {
    const { url, engine, log } = await startScripted();
    engine.onBuild = ({ fail }) => fail(new Error('the inside'));
    const result = await resultOf(await postBuild({ url, body }));
    expect(result).toMatchObject({ status: 'failed', code: 'internal' });
    expect(JSON.stringify(result)).not.toContain('inside');
    await expect.poll(() => log()).toContain('the inside');
  });
});
