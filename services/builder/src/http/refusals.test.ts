import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { Secret } from '@slipway/shared/config';
import { describe, expect, test } from 'vitest';
import { payloadOf, signatureOf, tarOf, testSecret } from '../testing/payload.js';
import { postBuild, resultOf, streamed } from '../testing/post-build.js';
import {
  goodBody as body,
  leftIn,
  problemOf,
  refusalOf,
  startScripted,
} from '../testing/scripted-service.js';

describe('the signature', () => {
  test('is asked for before the body is', async () => {
    const { port } = await startScripted();
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
    const { url, engine, workDir } = await startScripted();
    const response = await postBuild({ url, body, headers: { 'X-Build-Signature': signature } });
    expect(await refusalOf(response)).toEqual({ status: 401, code: 'signature_invalid' });
    expect(engine.builds).toEqual([]);
    expect(await leftIn(workDir)).toEqual([]);
  });

  test('may be of a previous secret while there is one, and of no other', async () => {
    const hostile = tarOf([{ path: '../../escaped', content: 'x' }]);
    const codeAt = async (url: string, secret: Secret) => {
      const headers = { 'X-Build-Signature': signatureOf(hostile, secret) };
      return (await refusalOf(await postBuild({ url, body: hostile, headers }))).code;
    };
    const { url } = await startScripted({ PAYLOAD_SECRET_PREVIOUS: ' older\noldest\n' });
    for (const secret of [testSecret, new Secret('older'), new Secret('oldest')]) {
      // It was looked at, then.
      expect(await codeAt(url, secret)).toBe('source_path_unsafe');
    }
    expect(await codeAt(url, new Secret('another'))).toBe('signature_invalid');
    const { url: alone } = await startScripted();
    expect(await codeAt(alone, new Secret('older'))).toBe('signature_invalid');
  });

  test('is checked before anything is unpacked', async () => {
    const { url } = await startScripted();
    const hostile = tarOf([{ path: '../../escaped', content: 'x' }]);
    const headers = { 'X-Build-Signature': signatureOf(body) };
    expect(await refusalOf(await postBuild({ url, body: hostile, headers }))).toEqual({
      status: 401,
      code: 'signature_invalid',
    });
    expect(await refusalOf(await postBuild({ url, body: hostile }))).toEqual({
      status: 422,
      code: 'source_path_unsafe',
    });
  });

  test('and the secret are in no log', async () => {
    const { url, engine, log } = await startScripted();
    engine.onBuild = ({ succeed }) => succeed();
    await postBuild({ url, body });
    await expect.poll(() => log()).toContain('build ended');
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
    ['no Dockerfile', 422, 'dockerfile_invalid', payloadOf({ files: { file: 'x' } })],
    ['no config', 422, 'request_invalid', tarOf([dockerfile])],
    ['what is no tar', 422, 'source_corrupt', Buffer.from('hello')],
  ])('%s', async (_what, status, code, payload) => {
    const { url, engine, workDir } = await startScripted();
    expect(await refusalOf(await postBuild({ url, body: payload }))).toEqual({ status, code });
    expect(await refusalOf(await postBuild({ url, body: payload, headers: streamed }))).toEqual({
      status,
      code,
    });
    expect(engine.builds).toEqual([]);
    expect(await leftIn(workDir)).toEqual([]);
  });

  test('a body that is too large, announced or not', async () => {
    const { url, workDir } = await startScripted({ MAX_SOURCE_BYTES: '4096' });
    const big = Buffer.alloc(1_000_000);
    expect(await refusalOf(await postBuild({ url, body: big }))).toEqual({
      status: 413,
      code: 'body_too_large',
    });
    const chunked = await fetch(`${url}/build`, {
      method: 'POST',
      headers: { 'X-Build-Signature': signatureOf(big) },
      body: new Blob([big]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect(await refusalOf(chunked)).toEqual({ status: 413, code: 'body_too_large' });
    expect(await leftIn(workDir)).toEqual([]);
  });

  test('a large body without losing the connection', async () => {
    const { port } = await startScripted({ MAX_SOURCE_BYTES: '4096' });
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
    const { port, engine, workDir } = await startScripted();
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
    expect(answer).toMatch(/"status":"failed".*"code":"body_incomplete"/);
    await expect.poll(() => leftIn(workDir)).toEqual([]);
    expect(engine.builds).toEqual([]);
  });

  test('what is no HTTP', async () => {
    const { port } = await startScripted();
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
    const { url, engine } = await startScripted({ ALLOWED_FRONTENDS: 'docker/dockerfile:1' });
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
    const { url } = await startScripted();
    const got = await fetch(`${url}/build`);
    expect(got.headers.get('allow')).toBe('POST');
    expect(await refusalOf(got)).toEqual({ status: 405, code: 'method_not_allowed' });
    expect(await problemOf(await fetch(`${url}/nowhere`))).toEqual({ status: 404, code: 'not_found' });
  });
});
