import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type GitServer, startGitServer } from '@slipway/shared/git/testing';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type RunningApi, startApi } from '../testing/start-api.js';

let api: RunningApi;
let git: GitServer;
const open: Socket[] = [];
const tenants = ['one', 'two', 'three'].map((name) => ({ name, token: `${name}-token`, payloadSecrets: [] }));

beforeAll(async () => {
  api = await startApi(inject('redisUrl'), { maxQueuedJobs: 10_000 }, { tenants });
  git = await startGitServer();
});
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
});
afterAll(async () => {
  await api.stop();
  await git.stop();
});

const mebibyte = 1024 * 1024;
const batch = (source: object, bytes = 2 * mebibyte) =>
  JSON.stringify({
    dry_run: true,
    defaults: { source },
    items: Array.from({ length: Math.ceil(bytes / 30_000) }, (_, n) => ({
      image: `r.example/team/a:${n}`,
      build_args: { padding: 'x'.repeat(30_000) },
    })),
  });
const files = { files: { Dockerfile: 'FROM scratch\n' } };

/** Starts a request whose body stalls, and returns once the API has begun to receive it. */
async function slow(
  tenant: string,
  { path = '/v1/batches', bytes = 8 * mebibyte, type = 'application/json' } = {},
) {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  open.push(socket);
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: x',
    `Authorization: Bearer ${tenant}-token`,
    `Content-Type: ${type}`,
    `Content-Length: ${bytes}`,
  ];
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  await new Promise<void>((resolve) =>
    socket.write(`${head.join('\r\n')}\r\n\r\n{"items":[`, () => resolve()),
  );
  // The API answers a later request on another connection only after it has read this one.
  await api.call('/v1/me');
}

const submit = (tenant: string, body: string, path = '/v1/batches') =>
  fetch(`${api.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tenant}-token`, 'content-type': 'application/json' },
    body,
  });

describe('large bodies', () => {
  it('that are slow block no other body, of their tenant or of another', async () => {
    for (let n = 0; n < 5; n++) await slow('one');
    expect((await submit('two', batch(files))).status).toBe(200);
    expect((await submit('one', batch(files))).status).toBe(200);
  });

  it('that wait for git block no other tenant', async () => {
    let letGo = () => {};
    git.hold(
      new Promise<void>((resolve) => {
        letGo = resolve;
      }),
    );
    const repository = git.repository('held');
    repository.commit({ Dockerfile: 'FROM scratch\n' });
    const asked = git.requests.length;
    const held = ['one', 'one', 'three', 'three'].map((tenant) =>
      submit(tenant, batch({ git: { url: repository.url } }, 20 * mebibyte)),
    );
    await expect.poll(() => git.requests.length).toBeGreaterThan(asked + 1);
    expect((await submit('two', batch(files, 20 * mebibyte))).status).toBe(200);
    letGo();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  it('leave nothing on the disk when their client disconnects', async () => {
    const left = async () => (await readdir(`${api.blobs}/.tmp`)).length;
    await slow('one', { bytes: 1_000_000 });
    open[0]?.write('x'.repeat(500_000));
    await expect.poll(left).toBe(1);
    open[0]?.destroy();
    await expect.poll(left).toBe(0);
  });

  it('are accepted compressed and in chunks, and refused when they are too large, also midway', async () => {
    const body = batch(files, mebibyte);
    const send = (content: Uint8Array<ArrayBuffer> | ReadableStream, headers: Record<string, string> = {}) =>
      api.call('/v1/batches', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: content,
        ...({ duplex: 'half' } as object),
      });
    expect((await send(new Uint8Array(gzipSync(body)), { 'content-encoding': 'gzip' })).status).toBe(200);
    expect((await send(new Blob([body]).stream())).status).toBe(200);
    expect((await send(new Blob(['[', ' '.repeat(33 * mebibyte)]).stream())).status).toBe(413);
    const bomb = new Uint8Array(gzipSync(' '.repeat(40 * mebibyte)));
    expect((await send(bomb, { 'content-encoding': 'gzip' })).status).toBe(413);
  });
});
