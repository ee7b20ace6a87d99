import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { linesOf, payload, sendBuild, signed, standInWorker } from '../testing/function-builder.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

/** The wait of tests in which a disconnected client comes back in time. */
const longMs = 600_000;

const apis: RunningApi[] = [];
let api: RunningApi;
let redis: Redis;
let worker: ReturnType<typeof standInWorker>;
beforeEach(async () => {
  api = await start();
  redis = new Redis(inject('redisUrl'));
  worker = standInWorker({ redis, prefix: api.prefix });
});
afterEach(async () => {
  redis.disconnect();
  await Promise.all(apis.splice(0).map((each) => each.stop()));
});

async function start(changes: Parameters<typeof startApi>[1] = {}): Promise<RunningApi> {
  const settings = { disconnectWaitMs: longMs, shutdownGraceMs: 500, ...changes };
  const started = await startApi(inject('redisUrl'), settings);
  apis.push(started);
  return started;
}
const another = (changes: Parameters<typeof startApi>[1] = {}) =>
  start({ redisPrefix: api.prefix, ...changes });
const stop = async (stopped: RunningApi) => {
  apis.splice(apis.indexOf(stopped), 1);
  await stopped.stop();
};
const waiters = (id: string) => redis.zcard(`{${api.prefix}}:build:clients:${id}`);
const jobs = async () =>
  (await worker.store.list({ tenant: 'default', limit: 10 })).records.map(({ id }) => id);

/** Sends a streamed `POST /build`, and disconnects once its job exists. Returns the id of the job. */
async function sendAndLeave(body: Buffer, to = api): Promise<string> {
  const leave = new AbortController();
  const answer = await sendBuild(to, body, { stream: true, signal: leave.signal });
  leave.abort();
  await expect(answer.text()).rejects.toThrow();
  return answer.headers.get('x-slipway-job') ?? '';
}

/** Sends a streamed `POST /build` that goes to a job, which it returns with the rest of the answer. */
async function comeBack(body: Buffer, to = api) {
  const answer = await sendBuild(to, body, { stream: true });
  return { id: answer.headers.get('x-slipway-job'), rest: linesOf(answer) };
}

describe('a client that comes back with the same request', () => {
  it('attaches to its running job, and receives the log from its start and the result', async () => {
    const body = payload();
    const id = await sendAndLeave(body);
    const token = await worker.start(id);
    await worker.writeLog(id, ['before it came back']);
    const back = await comeBack(body);
    expect(back.id).toBe(id);
    await worker.end(id, token, 'succeeded');
    const lines = await back.rest;
    expect(lines.flatMap(({ log = [] }) => log)).toContain('before it came back');
    expect(lines.at(-1)).toMatchObject({ status: 'success' });
    expect(await jobs()).toEqual([id]);
  });

  it('attaches at another API, also when its own has stopped', async () => {
    const body = payload();
    const first = await another();
    const answer = await sendBuild(first, body, { stream: true });
    await stop(first);
    expect((await linesOf(answer)).at(-1)).toMatchObject({ status: 'failed', code: 'draining' });
    const back = await comeBack(body);
    expect(back.id).toBe(answer.headers.get('x-slipway-job'));
    await worker.build(await worker.waitingJob(), 'succeeded');
    expect((await back.rest).at(-1)).toMatchObject({ status: 'success' });
    expect(await jobs()).toHaveLength(1);
  });

  it('attaches with the same content in another tar: clients pack it again with other times', async () => {
    const image = { image: 'r.example/team/same:1' };
    const id = await sendAndLeave(payload(image));
    expect((await comeBack(payload(image, false))).id).toBe(id);
    await worker.build(id, 'succeeded');
  });

  it('receives the result of a build that succeeded meanwhile, once', async () => {
    const body = payload();
    const id = await sendAndLeave(body);
    await worker.build(id, 'succeeded', ['built without a client']);
    const back = await comeBack(body);
    expect(back.id).toBe(id);
    const lines = await back.rest;
    expect(lines.flatMap(({ log = [] }) => log)).toContain('built without a client');
    expect(lines.at(-1)).toMatchObject({ status: 'success' });
    await expect.poll(() => redis.keys(`{${api.prefix}}:build:request:*`)).toEqual([]);
    const again = await comeBack(body);
    expect(again.id).not.toBe(id);
    await worker.build(await worker.waitingJob(), 'succeeded');
    await again.rest;
  });

  it.each(['failed', 'canceled'] as const)('builds again when the build has %s', async (state) => {
    const body = payload();
    const id = await sendAndLeave(body);
    if (state === 'failed') await worker.build(id, 'failed');
    else await worker.store.cancel(id);
    const back = await comeBack(body);
    expect(back.id).not.toBe(id);
    await worker.build(await worker.waitingJob(), 'succeeded');
    expect((await back.rest).at(-1)).toMatchObject({ status: 'success' });
  });

  it('builds again when a newer job has pushed to its image', async () => {
    const image = { image: 'r.example/team/overwritten:1' };
    const body = payload(image);
    const id = await sendAndLeave(body);
    await worker.build(id, 'succeeded');
    const other = sendBuild(api, payload({ ...image, buildArgs: { A: '1' } }));
    await worker.build(await worker.waitingJob(), 'succeeded');
    await (await other).text();
    const back = await comeBack(body);
    expect(back.id).not.toBe(id);
    await worker.build(await worker.waitingJob(), 'succeeded');
    await back.rest;
  });

  it.each([
    ['another byte of its content', { image: 'r.example/team/other:1', buildArgs: { A: '2' } }, 'payload'],
    ['another tenant', { image: 'r.example/team/other:1', buildArgs: { A: '1' } }, 'other-payload'],
  ])('gets a new job for %s', async (_what, changes, secret) => {
    const id = await sendAndLeave(payload({ image: 'r.example/team/other:1', buildArgs: { A: '1' } }));
    const body = payload(changes);
    const answer = await sendBuild(api, body, { stream: true, signature: signed(body, secret) });
    const other = answer.headers.get('x-slipway-job') ?? '';
    expect(other).not.toBe(id);
    for (const each of [id, other]) await worker.store.cancel(each);
    await answer.text();
  });
});

describe('a client that does not come back', () => {
  it('has its job canceled after the wait', async () => {
    const impatient = await another({ disconnectWaitMs: 50 });
    const id = await sendAndLeave(payload(), impatient);
    await expect.poll(async () => (await worker.store.get(id))?.state).toBe('canceled');
  });

  it('has its job canceled only once all clients of the job have left', async () => {
    const impatient = await another({ disconnectWaitMs: 50 });
    const body = payload();
    const stays = new AbortController();
    const other = await sendBuild(impatient, body, { stream: true, signal: stays.signal });
    const id = await sendAndLeave(body, impatient);
    expect(other.headers.get('x-slipway-job')).toBe(id);
    await expect.poll(() => waiters(id)).toBe(1);
    expect((await worker.store.get(id))?.state).toBe('queued');
    stays.abort();
    await expect.poll(async () => (await worker.store.get(id))?.state).toBe('canceled');
  });

  it('keeps its job when the API stops within the wait: the client may come back to another one', async () => {
    const first = await another();
    const id = await sendAndLeave(payload(), first);
    await stop(first);
    expect(await worker.store.get(id)).toMatchObject({ state: 'queued', cancelRequested: false });
  });

  it('keeps its job when it disconnects from an API that stops', async () => {
    const first = await another({ shutdownGraceMs: 600_000 });
    const leave = new AbortController();
    const answer = await sendBuild(first, payload(), { stream: true, signal: leave.signal });
    const id = answer.headers.get('x-slipway-job') ?? '';
    const stopped = stop(first);
    await expect
      .poll(async () => (await fetch(`${first.url}/readyz`).catch(() => undefined))?.status)
      .not.toBe(200);
    leave.abort();
    await stopped;
    expect(await worker.store.get(id)).toMatchObject({ state: 'queued', cancelRequested: false });
  });
});
