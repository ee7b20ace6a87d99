import { randomUUID } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { JobStore } from '@slipway/control-plane/jobs';
import { Secret } from '@slipway/shared/config';
import { redisKeys } from '@slipway/shared/redis';
import { formatSignature, payloadHmac } from '@slipway/shared/signing';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

const mebibyte = 1024 * 1024;
const maxSourceBytes = 4 * mebibyte;
const budgetBytes = 3 * maxSourceBytes;
let api: RunningApi;
let redis: Redis;
const open: Socket[] = [];

beforeAll(async () => {
  const trustedProxies = ['127.0.0.1'];
  api = await startApi(
    inject('redisUrl'),
    {
      ...{ maxSourceBytes, unverifiedPayloadBytes: budgetBytes, trustedProxies, maxQueuedJobs: 1_000 },
    },
    {
      tenants: [
        {
          name: 'full',
          token: 'full',
          payloadSecrets: ['full-payload'],
          settings: { limits: { source_bytes: 3 * mebibyte } },
        },
      ],
    },
  );
  redis = new Redis(inject('redisUrl'));
});
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
});
afterAll(async () => {
  redis.disconnect();
  await api.stop();
});

const wrong = `sha256=${'0'.repeat(64)}`;
const payload = () =>
  archive([
    { path: 'com.openfaas.docker.config', text: JSON.stringify({ image: `r.example/a:${randomUUID()}` }) },
    { path: 'context/Dockerfile', text: `FROM scratch\n# ${randomUUID()}\n` },
  ]);
const signed = (body: Buffer, secret = 'payload') => {
  const hmac = payloadHmac(new Secret(secret));
  hmac.update(body);
  return formatSignature(hmac);
};

async function send(body: Buffer, { network = '192.0.2.1', signature = signed(body) } = {}) {
  const answer = await fetch(`${api.url}/build`, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { 'x-forwarded-for': network, 'x-build-signature': signature, accept: 'application/x-ndjson' },
  });
  if (answer.status === 200) {
    // The job exists.
    await answer.body?.cancel();
    return { status: answer.status, retryAfter: null, code: undefined };
  }
  const { code } = (await answer.json()) as { code: string };
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), code };
}

/** Sends most of a payload with a wrong signature, and no more. */
async function begin(network: string, bytes = 3_900_000): Promise<Socket> {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  open.push(socket);
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.write(
    `POST /build HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${network}\r\nX-Build-Signature: ${wrong}\r\nContent-Length: ${maxSourceBytes}\r\n\r\n`,
  );
  socket.write(Buffer.alloc(bytes));
  return socket;
}

const onDisk = async () => {
  const names = await readdir(`${api.blobs}/.tmp`);
  const sizes = await Promise.all(
    names.map((name) => stat(`${api.blobs}/.tmp/${name}`).catch(() => undefined)),
  );
  return sizes.reduce((total, found) => total + (found?.size ?? 0), 0);
};

describe('payloads that are not verified yet', () => {
  it('fill no more of the disk than their budget, and free space when they end', async () => {
    for (let n = 0; n < 40; n++) await begin(`198.51.100.${n}`);
    // The first payload and those that found space are received as far as they go.
    await expect.poll(onDisk).toBeGreaterThan(2 * 3_900_000 - 1);
    // After a round trip of another request they have not grown further.
    for (let n = 0; n < 20; n++) await api.call('/v1/me');
    expect(await onDisk()).toBeLessThanOrEqual(budgetBytes);
    const waiting = send(payload());
    for (const socket of open.splice(0)) socket.destroy();
    expect(await waiting).toMatchObject({ status: 200 });
  });

  it('wait for each other, and all are accepted without a retry', async () => {
    const answers = await Promise.all(Array.from({ length: 64 }, () => send(payload())));
    expect(answers.map(({ status }) => status)).toEqual(Array(64).fill(200));
  });

  it('are refused with a Retry-After once a network has sent many wrong ones, while right ones are still accepted', async () => {
    const network = '2001:db8:1:2::1';
    const other = '2001:db8:1:2:ffff::9';
    for (let n = 0; n < 30; n++) {
      expect(await send(payload(), { network, signature: wrong })).toMatchObject({
        code: 'signature_invalid',
      });
    }
    const refused = await send(payload(), { network: other, signature: wrong });
    expect(refused).toMatchObject({ status: 429, code: 'too_many_failures' });
    expect(Number(refused.retryAfter)).toBeGreaterThan(0);
    expect(await send(payload(), { network: other })).toMatchObject({ status: 200 });
    // Slow bodies of this network block no other network.
    for (let n = 0; n < 10; n++) await begin(network);
    expect(await send(payload(), { network: '192.0.2.7' })).toMatchObject({ status: 200 });
    expect(await send(payload(), { network: '192.0.2.7', signature: wrong })).toMatchObject({
      code: 'signature_invalid',
    });
  });

  it('wait in bounded number after verification, for a tenant over its quota', async () => {
    const large = archive([
      { path: 'com.openfaas.docker.config', text: JSON.stringify({ image: 'r.example/full:1' }) },
      { path: 'context/Dockerfile', text: 'x'.repeat(3 * mebibyte) },
    ]);
    const signature = signed(large, 'full-payload');
    expect(await send(large, { signature })).toMatchObject({ status: 200 });
    // The oldest upload of the tenant stalls.
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1').on('error', () => undefined);
    open.push(socket);
    const upload = archive([{ path: 'Dockerfile', text: 'y'.repeat(2 * mebibyte) }]);
    socket.write(
      `POST /v1/sources HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer full\r\nContent-Type: application/x-tar\r\nContent-Length: ${upload.length}\r\n\r\n`,
    );
    socket.write(upload.subarray(0, mebibyte));
    await expect.poll(() => redis.exists(redisKeys(api.prefix).sourcesReserved('full'))).toBe(1);
    const sent = Array.from({ length: 6 }, () => send(large, { signature }));
    const refused = await Promise.race(sent);
    expect(refused).toMatchObject({ status: 413, code: 'source_quota_exceeded' });
    socket.destroy();
    const answers = await Promise.all(sent);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(2);
  });

  it('are not received at all with a malformed signature', async () => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    open.push(socket);
    const answer = new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(String(chunk))));
    socket.write(
      'POST /build HTTP/1.1\r\nHost: x\r\nX-Build-Signature: sha256=12\r\nContent-Length: 1000\r\n\r\n',
    );
    expect(await answer).toContain(' 401 ');
  });

  it('do not affect jobs: those of disconnected clients are canceled', async () => {
    const store = new JobStore({ redis, keys: redisKeys(api.prefix) });
    await expect.poll(() => store.count('queued')).toBe(0);
  });
});
