import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { freePort } from '../free-port.js';
import { temporaryFolder } from '../temporary-folder.js';
import { findTool } from '../tools.js';
import { startMoto } from './moto.js';
import { type S3Credentials, type S3Handle, s3Url } from './s3-server.js';
import { startVersitygw } from './versitygw.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());

const has = (tool: string) => process.env.CI !== undefined || findTool(tool) !== undefined;

test.runIf(has('versitygw'))('versitygw has its bucket, and refuses wrong credentials', async () => {
  const server = await startVersitygw({ bucket: 'blobs' });
  expect(await ask(server, '/blobs/a/1', { put: 'content' })).toMatchObject({ status: 200 });
  expect(await ask(server, '/blobs/a/1')).toEqual({ status: 200, body: 'content' });
  expect(await ask(server, '/other/a/1')).toMatchObject({ status: 404 });
  const wrong = { ...server.credentials, secretAccessKey: 'wrong' };
  expect(await ask(server, '/blobs/a/1', { credentials: wrong })).toMatchObject({ status: 403 });
  await server.stop();
  await server.stop();
});

test.runIf(has('versitygw'))('versitygw keeps its data through kill -9, in the same place', async () => {
  const place = { dir: join(folder.path, 'versitygw'), port: await freePort() };
  const first = await startVersitygw(place);
  expect(await ask(first, '/slipway/kept', { put: 'content' })).toMatchObject({ status: 200 });
  first.kill('SIGKILL');
  await first.exited;
  const second = await startVersitygw(place);
  expect(second.endpoint).toBe(first.endpoint);
  expect(await ask(second, '/slipway/kept')).toEqual({ status: 200, body: 'content' });
  await second.stop();
});

test.runIf(has('versitygw'))('versitygw without a folder leaves none', async () => {
  const server = await startVersitygw();
  const [root = ''] = (await commandLine(server.pid)).slice(-1);
  expect(existsSync(root)).toBe(true);
  await server.stop();
  expect(existsSync(root)).toBe(false);
});

test.runIf(has('moto_server'))('moto has its bucket, and keeps nothing', async () => {
  const first = await startMoto();
  expect(await ask(first, '/slipway/a/1', { put: 'content' })).toMatchObject({ status: 200 });
  expect(await ask(first, '/slipway/a/1')).toEqual({ status: 200, body: 'content' });
  await first.stop();
  const second = await startMoto({ port: first.port });
  expect(await ask(second, '/slipway/a/1')).toMatchObject({ status: 404 });
  await second.stop();
});

test('the URL of a bucket names the endpoint', () => {
  const url = new URL(s3Url({ bucket: 'slipway', endpoint: 'http://127.0.0.1:9000', prefix: 'a/b' }));
  expect([url.host, url.pathname]).toEqual(['slipway', '/a/b']);
  expect(Object.fromEntries(url.searchParams)).toEqual({
    endpoint: 'http://127.0.0.1:9000',
    path_style: 'true',
    region: 'us-east-1',
  });
});

interface Ask {
  readonly put?: string;
  readonly credentials?: S3Credentials;
}

/** Sends one signed request. */
async function ask(
  { endpoint, ...server }: S3Handle,
  path: string,
  { put, credentials = server.credentials }: Ask = {},
): Promise<{ status: number; body: string }> {
  const { stdout } = await promisify(execFile)('curl', [
    ...['--silent', '--show-error', '--write-out', '\n%{http_code}', '--aws-sigv4', 'aws:amz:us-east-1:s3'],
    ...['--user', `${credentials.accessKeyId}:${credentials.secretAccessKey}`],
    ...['--header', 'x-amz-content-sha256: UNSIGNED-PAYLOAD'],
    ...['--header', 'content-type: application/octet-stream'],
    ...(put === undefined ? [] : ['--request', 'PUT', '--data-binary', put]),
    endpoint + path,
  ]);
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
}

async function commandLine(pid: number): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)]);
  return stdout.trim().split(' ');
}
