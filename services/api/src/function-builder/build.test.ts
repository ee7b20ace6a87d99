import { connect } from 'node:net';
import type { JobStore } from '@slipway/control-plane/jobs';
import { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { Secret } from '@slipway/shared/config';
import type { BuilderResult, Job } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { generateKeyPair, SecretBytes, sealSecrets } from '@slipway/shared/sealing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { addTenants } from '../testing/add-tenants.js';
import { archive } from '../testing/archive.js';
import {
  builtDigest,
  linesOf,
  payload,
  type SendOptions,
  sendBuild,
  signed,
  standInWorker,
} from '../testing/function-builder.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

let api: RunningApi;
let redis: Redis;
let store: JobStore;
let worker: ReturnType<typeof standInWorker>;
const waitingJob = (tenant?: string) => worker.waitingJob(tenant);
beforeAll(async () => {
  api = await startApi(inject('redisUrl'));
  redis = new Redis(inject('redisUrl'));
  worker = standInWorker({ redis, prefix: api.prefix });
  store = worker.store;
});
afterAll(async () => {
  redis.disconnect();
  await api.stop();
});

const digest = builtDigest;
const send = (body: Buffer, options: SendOptions = {}) => sendBuild(api, body, options);
/** Returns status and code of a refusal, in the format of the Function Builder API. */
const refusalOf = async (answer: Response) => {
  expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/);
  const body = (await answer.json()) as BuilderResult;
  expect(body).toEqual({ status: 'failed', error: expect.any(String), code: expect.any(String), log: [] });
  return [answer.status, body.code];
};
describe('POST /build', () => {
  it('answers as a builder does, with the log, and leaves a job and a source', async () => {
    const answer = send(payload({ buildArgs: { 'A.b-c': '1' }, platforms: [''], provenance: true }));
    const id = await waitingJob();
    await worker.build(id, 'succeeded', ['v: [1/1] FROM scratch', 'l: done']);
    expect((await answer).status).toBe(200);
    expect((await answer).headers.get('x-slipway-job')).toBe(id);
    const result = (await (await answer).json()) as BuilderResult;
    expect(result).toMatchObject({
      status: 'success',
      image: 'r.example/team/built:1',
      digest,
      duration: 1.5,
    });
    expect(result.log).toEqual(expect.arrayContaining(['v: [1/1] FROM scratch', 'l: done']));
    const job = (await (await api.call(`/v1/jobs/${id}`)).json()) as Job;
    expect(job).toMatchObject({
      state: 'succeeded',
      build_args: { 'A.b-c': '1' },
      platforms: [],
      provenance: true,
    });
    expect((await api.call(`/v1/sources/${job.source.digest}`)).status).toBe(200);
  });

  it('accepts the options of a build', async () => {
    const options = { dockerfile: 'docker/prod', target: 'web', noCache: true, pull: true };
    const maps = { labels: { 'org.example.a': 'b' }, annotations: { 'org.example.c': 'd' } };
    const answer = send(payload({ ...options, ...maps, tags: ['r.example/team/built:2'] }));
    const id = await waitingJob();
    expect((await store.get(id))?.spec).toMatchObject({
      dockerfile: 'docker/prod',
      target: 'web',
      no_cache: true,
      pull: true,
      image_labels: maps.labels,
      annotations: maps.annotations,
      tags: ['r.example/team/built:2'],
    });
    await worker.build(id, 'succeeded');
    await (await answer).text();
  });

  it('answers a failed build with 500 and the same body, for clients that check the status alone', async () => {
    const answer = send(payload());
    const id = await waitingJob();
    await worker.build(id, 'failed', ['l: RUN false']);
    expect((await answer).status).toBe(500);
    expect((await answer).headers.get('content-type')).toMatch(/^application\/json\b/);
    const result = (await (await answer).json()) as BuilderResult;
    expect(result).toMatchObject({
      status: 'failed',
      error: 'RUN false: exit code 1',
      code: 'build_failed',
      log: expect.arrayContaining(['l: RUN false']),
    });
  });

  it('streams, reports the queue position, and names a failure `failed` in its last line', async () => {
    const answer = await send(payload({}, false), { stream: true });
    expect(answer.headers.get('content-type')).toContain('application/x-ndjson');
    const all = linesOf(answer);
    await worker.build(await waitingJob(), 'failed', ['l: RUN false']);
    const said = await all;
    expect(said.at(-1)).toMatchObject({
      status: 'failed',
      error: 'RUN false: exit code 1',
      code: 'build_failed',
    });
    expect(said.slice(0, -1).every(({ status }) => status === 'in_progress')).toBe(true);
    expect(said.flatMap(({ log = [] }) => log)).toContain('l: RUN false');
  });

  it('reports the number of jobs ahead to a waiting client', async () => {
    const leave = new AbortController();
    const answer = await send(payload(), { stream: true, signal: leave.signal });
    await waitingJob();
    const reader = answer.body?.getReader();
    let text = '';
    // No worker removes finished jobs from the queue here, so one more job counts.
    while (!/waiting in the queue: \d+ jobs ahead/.test(text)) {
      const { value, done } = (await reader?.read()) ?? { done: true };
      if (done) throw new Error(`it ended: ${text}`);
      text += Buffer.from(value ?? []).toString();
    }
    leave.abort();
    await expect.poll(async () => await store.count('queued')).toBe(0);
  });

  it('accepts the old and new secrets of tenants, and assigns the jobs to them', async () => {
    for (const secret of ['other-payload', 'other-rotated']) {
      const body = payload();
      const answer = send(body, { signature: signed(body, secret) });
      const id = await waitingJob('other');
      await worker.build(id, 'succeeded');
      expect((await answer).status).toBe(200);
      expect((await api.call(`/v1/jobs/${id}`)).status).toBe(404);
    }
  });

  it("creates no job for an image that the tenant may not push to, or beyond the tenant's queue limit", async () => {
    const tenant = { name: 'bounded', token: 'bounded', payloadSecrets: ['bounded-payload'] };
    const settings = { images: ['r.example/bounded/'], limits: { queued_jobs: 0 } };
    const config = {
      redisUrl: inject('redisUrl'),
      redisPrefix: api.prefix,
      payloadSecret: new Secret('payload'),
    };
    await addTenants(config, [{ ...tenant, settings }]);
    for (const [changes, status, code] of [
      [{ image: 'r.example/other/x:1' }, 403, 'image_not_allowed'],
      [{ image: 'r.example/bounded/x:1', tags: ['r.example/other/x:1'] }, 403, 'image_not_allowed'],
      [{ image: 'r.example/bounded/x:1' }, 429, 'tenant_queue_full'],
    ] as const) {
      const body = payload(changes);
      const answer = await send(body, { signature: signed(body, 'bounded-payload') });
      expect(await refusalOf(answer)).toEqual([status, code]);
      expect(answer.headers.has('retry-after')).toBe(status === 429);
    }
    expect(await store.count('queued')).toBe(0);
  });

  it('stores sealed secrets unchanged, and shows their names alone', async () => {
    const secrets = new Map([['npm-token', new SecretBytes(Buffer.from('hunter2'))]]);
    const { publicKey } = generateKeyPair();
    const sealed = sealSecrets({ publicKey, secrets }).toString();
    const entry = { path: 'com.openfaas.secrets', text: sealed };
    const config = { path: 'com.openfaas.docker.config', text: '{"image":"r.example/team/secret:1"}' };
    const answer = send(archive([entry, config, { path: 'context/Dockerfile', text: 'FROM scratch' }]));
    const id = await waitingJob();
    expect((await store.get(id))?.spec.secrets?.sealed).toBe(sealed);
    const shown = await (await api.call(`/v1/jobs/${id}`)).text();
    expect(JSON.parse(shown)).toMatchObject({
      secrets: { key_id: publicKey.slice(0, 8), names: ['npm-token'] },
    });
    expect(shown).not.toContain('sealed');
    await worker.build(id, 'succeeded');
    expect((await answer).status).toBe(200);
    const spec = {
      image: 'r.example/team/secret:2',
      source: JSON.parse(shown).source,
      secrets: 'version: v9',
    };
    const refused = await api.post('/v1/jobs', spec);
    expect(await refused.json()).toMatchObject({ code: 'secrets_invalid', errors: [{ path: '/secrets' }] });
  });

  it('cancels the job of a client that disconnects, before and during the build', async () => {
    for (const running of [false, true]) {
      const leave = new AbortController();
      const answer = send(payload(), { signal: leave.signal });
      const id = await waitingJob();
      if (running) await worker.start(id);
      leave.abort();
      await expect(answer).rejects.toThrow();
      await expect
        .poll(async () => {
          const job = await store.get(id);
          return job?.state === 'canceled' || job?.cancelRequested;
        })
        .toBe(true);
    }
  });

  it.each([
    ['signature_missing', 401, () => ({ body: payload(), signature: '' })],
    ['signature_invalid', 401, () => ({ body: payload(), signature: `sha256=${'0'.repeat(64)}` })],
    ['signature_invalid', 401, () => ({ body: Buffer.from('no tar at all'), signature: 'sha256=xyz' })],
    ['source_corrupt', 422, () => ({ body: Buffer.from('no tar at all') })],
    ['image_invalid', 422, () => ({ body: payload({ image: 'UPPER' }) })],
    ['request_invalid', 422, () => ({ body: archive([{ path: 'context/Dockerfile', text: 'FROM x' }]) })],
    ['body_too_large', 413, () => ({ body: Buffer.alloc(5 * 1024 * 1024) })],
  ])('refuses with %s', async (code, status, what) => {
    const { body, signature } = what() as { body: Buffer; signature?: string };
    const answer = await send(body, { signature });
    expect(await refusalOf(answer)).toEqual([status, code]);
  });

  it('refuses other methods in the format of its clients', async () => {
    const answer = await fetch(`${api.url}/build`);
    expect(await refusalOf(answer)).toEqual([405, 'method_not_allowed']);
  });

  it('asks clients to come back when the API stops, and reports that the job continues', async () => {
    const own = await startApi(inject('redisUrl'), { shutdownGraceMs: 500, redisPrefix: api.prefix });
    const body = payload();
    const headers = { 'x-build-signature': signed(body) };
    const answer = fetch(`${own.url}/build`, { method: 'POST', body, headers });
    const id = await waitingJob();
    const stopped = own.stop();
    const { status } = await answer;
    expect([status, (await answer).headers.get('retry-after')]).toEqual([503, '2']);
    const said = (await (await answer).json()) as BuilderResult;
    expect(said).toMatchObject({ status: 'failed', code: 'draining', log: expect.any(Array) });
    expect(said.error).toContain(id);
    await stopped;
    await worker.build(id, 'succeeded');
  });

  it('answers a build that ends while the API stops, and ends streams of logs so that clients connect again', async () => {
    const own = await startApi(inject('redisUrl'), { shutdownGraceMs: 600_000, redisPrefix: api.prefix });
    const body = payload();
    const answer = fetch(`${own.url}/build`, {
      method: 'POST',
      body,
      headers: { 'x-build-signature': signed(body) },
    });
    const id = await waitingJob();
    const logs = await own.call(`/v1/jobs/${id}/logs`, { headers: { accept: 'text/event-stream' } });
    const stopped = own.stop();
    // It ends without an `end` event, which would be the end of the job, and without an error.
    expect(await logs.text()).not.toContain('event: end');
    await worker.build(id, 'succeeded');
    expect((await answer).status).toBe(200);
    await stopped;
  });

  it('ignores a body that breaks off', async () => {
    const before = await store.count('queued');
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    socket.write(
      `POST /build HTTP/1.1\r\nHost: x\r\nX-Build-Signature: ${signed(Buffer.from('x'))}\r\nContent-Length: 9999\r\n\r\nhalf`,
    );
    socket.end();
    await new Promise((resolve) => socket.resume().once('close', resolve));
    expect(await store.count('queued')).toBe(before);
  });
});

describe('GET /publickey', () => {
  it('is the key of most usable replicas, and 404 while there is none', async () => {
    const ask = async () => {
      const answer = await fetch(`${api.url}/publickey`);
      return [answer.status, await answer.json()];
    };
    expect(await ask()).toMatchObject([404, { code: 'not_found' }]);
    const registry = new ReplicaRegistry({ redis, keys: redisKeys(api.prefix) });
    const key = (letter: string) => {
      const public_key = Buffer.alloc(32, letter).toString('base64');
      return { key_id: public_key.slice(0, 8), algorithm: 'nacl/box' as const, public_key };
    };
    const urls = ['http://a:1', 'http://b:1', 'http://c:1'];
    await registry.announce(urls.map((url) => ({ url, max: 1, pool: 'default', platforms: [] })));
    for (const [at, url] of urls.entries()) await registry.setPublicKey(url, key(at === 0 ? 'o' : 'n'));
    expect(await ask()).toEqual([200, key('n')]);
    for (const url of urls.slice(1)) await registry.setHealth(url, 'down');
    expect(await ask()).toEqual([200, key('o')]);
    await registry.setPublicKey('http://a:1', undefined);
    expect(await ask()).toMatchObject([404, {}]);
  });
});
