import type { ServiceHandle } from '@slipway/local';
import type { Job } from '@slipway/shared/contracts';
import { afterAll, test as anyTest, beforeAll, describe, expect } from 'vitest';
import { makeContext, tarOf } from './context.js';
import { canUse } from './engines.js';
import { type Stack, startStack } from './stack.js';

interface Index {
  readonly mediaType: string;
  readonly manifests: readonly { readonly digest: string; readonly platform: object }[];
}

const json = async <T>(answer: Response): Promise<T> => (await answer.json()) as T;
const accept = ['index', 'manifest'].map((kind) => `application/vnd.oci.image.${kind}.v1+json`).join(', ');

/** Files that need no emulation: each image holds the same file. */
const files = { Dockerfile: 'FROM scratch\nCOPY hello /hello\n', hello: 'hello' };

describe('two pools of BuildKit builders', () => {
  const test = anyTest.runIf(canUse('buildkit'));
  let stack: Stack;
  beforeAll(async () => {
    if (canUse('buildkit')) stack = await startStack({ engine: 'buildkit', builders: 2, workers: 0 });
  });
  afterAll(() => stack?.stop());

  const amd = () => `${stack.part('builder 1').address}#max=2&pool=amd&platforms=linux/amd64`;
  const arm = () => `${stack.part('builder 2').address}#max=2&pool=arm&platforms=linux/arm64`;
  const startWorker = async (...builders: string[]) => await stack.startWorker({ BUILDERS: builders.join() });
  const kill = async (worker: ServiceHandle) => {
    process.kill(worker.pid, 'SIGKILL');
    await worker.exited;
  };
  const poolsKnown = () =>
    expect
      .poll(async () => {
        const { pools } = await json<{ pools: { name: string }[] }>(await stack.call('/v1/queue'));
        return pools.map(({ name }) => name);
      })
      .toEqual(['amd', 'arm']);
  const submit = async (name: string, changes: object = {}) => {
    const body = tarOf(makeContext({ ...files, hello: name }));
    const { digest } = await json<{ digest: string }>(
      await stack.call('/v1/sources', { method: 'POST', body }),
    );
    const image = `${stack.registry}/pools/${name}:1`;
    const answer = await stack.call('/v1/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        image,
        source: { digest },
        platforms: ['linux/amd64', 'linux/arm64'],
        ...changes,
      }),
    });
    expect(answer.status).toBe(202);
    return await json<Job>(answer);
  };
  const job = async (id: string, wait = 0) =>
    await json<Job>(await stack.call(`/v1/jobs/${id}?wait=${wait}`));
  const ended = async (id: string): Promise<Job> => {
    for (;;) {
      const now = await job(id, 30);
      if (now.finished_at !== undefined) return now;
    }
  };
  const manifest = (name: string, reference: string) =>
    fetch(`http://${stack.registry}/v2/pools/${name}/manifests/${reference}`, { headers: { accept } });
  const expectJoined = async (name: string, done: Job) => {
    expect(done).toMatchObject({
      state: 'succeeded',
      parts: [{ state: 'succeeded' }, { state: 'succeeded' }],
    });
    const answer = await manifest(name, '1');
    expect(answer.headers.get('docker-content-digest')).toBe(done.result?.digest);
    const index = await json<Index>(answer);
    expect(index.manifests.map(({ platform }) => platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
    for (const { digest } of index.manifests) expect((await manifest(name, digest)).status).toBe(200);
  };

  test('build the platforms of a job in parts, which become one image', async () => {
    const worker = await startWorker(amd(), arm());
    await poolsKnown();
    const done = await ended((await submit('both')).id);
    await expectJoined('both', done);
    const replicas = await Promise.all(
      (done.parts ?? []).map(async (part) => (await job(part.job)).attempts[0]?.replica),
    );
    expect(replicas).toEqual([stack.part('builder 1').address, stack.part('builder 2').address]);
    const single = await ended((await submit('single', { platforms: ['linux/arm64'] })).id);
    expect(single).toMatchObject({ state: 'succeeded', pool: 'arm' });
    expect(single.parts).toBeUndefined();
    await worker.stop();
  });

  test('join a job whose worker was killed when one part was built', async () => {
    const [first, other] = [await startWorker(amd()), await startWorker(arm())];
    await poolsKnown();
    await other.stop();
    const { id } = await submit('killed');
    const states = async () => (await job(id)).parts?.map(({ state }) => state);
    await expect.poll(states).toEqual(['succeeded', 'queued']);
    await kill(first);
    const second = await startWorker(arm());
    await expect.poll(states).toEqual(['succeeded', 'succeeded']);
    expect((await job(id)).state).toBe('queued');
    const third = await startWorker(amd());
    await expectJoined('killed', await ended(id));
    await Promise.all([second.stop(), third.stop()]);
  });

  // Last: its pool stays known for a minute.
  test('leave a job to one pool when it builds all platforms of the job', async () => {
    const worker = await startWorker(amd().replace(/#.*/, '#max=2'), arm());
    await expect
      .poll(async () => {
        const { pools } = await json<{ pools: { name: string }[] }>(await stack.call('/v1/queue'));
        return pools.map(({ name }) => name);
      })
      .toContain('default');
    const done = await ended((await submit('alone')).id);
    expect(done).toMatchObject({ state: 'succeeded', pool: 'default' });
    expect(done.parts).toBeUndefined();
    const index = await json<Index>(await manifest('alone', '1'));
    expect(index.manifests).toHaveLength(2);
    await worker.stop();
  });
});
