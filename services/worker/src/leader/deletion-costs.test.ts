import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type Lease, ReplicaRegistry, SlotLedger } from '@slipway/control-plane/replicas';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { KubernetesClient } from '../kubernetes/client.js';
import { refuse, startWatchServer } from '../kubernetes/testing/watch-server.js';
import { DeletionCosts } from './deletion-costs.js';

const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(createLogger({ name: 'test', level: 'silent' })));

let server: Awaited<ReturnType<typeof startWatchServer>>;
let kubernetes: KubernetesClient;
beforeEach(async () => {
  server = await startWatchServer();
  kubernetes = new KubernetesClient({ config: server.config });
});
afterEach(async () => {
  await kubernetes.close();
  await server.stop();
});

const ok = (response: ServerResponse) => void response.end('{}');
const accept = () => server.answer(ok);
const pod = (name: string) => ({
  ...{ url: `http://10.0.0.1:8080#uid-${name}`, kind: 'k8s' as const, name },
  ...{ max: 4, pool: 'default', platforms: [] },
});

/** The costs of pods, and a clock that the test moves. */
async function costsOf(...names: string[]) {
  const keys = redisKeys(`costs-${randomUUID()}`);
  const registry = new ReplicaRegistry({ redis, keys });
  const ledger = new SlotLedger({ redis, keys });
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const logger = createLogger({ name: 'test', level: 'warn', destination });
  const announce = (more: object = {}) =>
    registry.announce([...names.map((name) => ({ ...pod(name), ...more }))]);
  await announce();
  let now = 0;
  const costs = new DeletionCosts({ registry, kubernetes, logger, now: () => now });
  /** Runs the task, whose requests the server accepts. Returns the new costs by pod. */
  const written = async () => {
    const from = server.received.length;
    for (const _name of names) accept();
    await costs.run(new AbortController().signal);
    const requests = server.received.slice(from);
    return await Promise.all(
      requests.map(async ({ path, body }) => {
        const { metadata } = JSON.parse(await body);
        return [path.split('/').at(-1), metadata.annotations['controller.kubernetes.io/pod-deletion-cost']];
      }),
    );
  };
  const take = async (name: string) => {
    const request = { id: randomUUID(), pool: 'default', preference: [pod(name).url], suspect: false };
    const [reply] = await ledger.acquire([request], 60_000);
    return reply?.lease as Lease;
  };
  const later = (ms: number) => {
    now += ms;
  };
  return { keys, registry, ledger, costs, written, take, later, lines, announce };
}

describe('the deletion cost of a pod', () => {
  it('is the number of its builds, written when it changes', async () => {
    const { ledger, written, take, later } = await costsOf('one', 'two');
    expect((await written()).sort()).toEqual([
      ['one', '0'],
      ['two', '0'],
    ]);
    const [request] = server.received;
    expect(request).toMatchObject({ method: 'PATCH', path: '/api/v1/namespaces/builds/pods/one' });
    expect(request?.headers['content-type']).toBe('application/merge-patch+json');
    expect(JSON.parse((await request?.body) ?? '')).toMatchObject({ metadata: { uid: 'uid-one' } });
    const first = await take('two');
    expect(await written()).toEqual([['two', '1']]);
    const second = await take('two');
    // A busy pod stays busy: its cost is written again after a while.
    expect(await written()).toEqual([]);
    later(10_000);
    expect(await written()).toEqual([['two', '2']]);
    await ledger.free(first, 'ok');
    await ledger.free(second, 'ok');
    expect(await written()).toEqual([['two', '0']]);
  });

  it('reads the pods whose load has changed, and others in turn', async () => {
    const names = Array.from({ length: 60 }, (_, at) => `pod-${String(at).padStart(2, '0')}`);
    const { keys, registry, written, take } = await costsOf(...names);
    for (const _run of names) await written();
    const read: number[] = [];
    const { states } = registry;
    registry.states = async (urls) => {
      read.push(urls.length);
      return await states.call(registry, urls);
    };
    await take('pod-59');
    const costs = [await written(), await written(), await written()];
    expect(costs.flat()).toEqual([['pod-59', '1']]);
    expect(Math.max(...read)).toBeLessThan(names.length / 2);
    // A worker of an earlier version frees a slot without a note in the index.
    await redis.del(keys.slots(pod('pod-59').url));
    const later = [await written(), await written(), await written()];
    expect(later.flat()).toEqual([['pod-59', '0']]);
  });

  it('is written for pods alone, and not for those that leave', async () => {
    const { registry, written } = await costsOf('one');
    await registry.announce([{ url: 'http://a:8080', max: 4, pool: 'default', platforms: [] }]);
    expect(await written()).toEqual([['one', '0']]);
    const other = await costsOf('two');
    await other.announce({ isLeaving: true });
    expect(await other.written()).toEqual([]);
  });

  it('is left alone for a while without the permission, which the log names once', async () => {
    const { costs, written, later, lines } = await costsOf('one', 'two');
    server.answer(refuse(403, 'pods "one" is forbidden'));
    await costs.run(new AbortController().signal);
    expect(server.received).toHaveLength(1);
    expect(lines).toMatchObject([{ level: 'warn', code: 'kubernetes_forbidden' }]);
    expect(JSON.stringify(lines)).toContain('a role with patch of pods in its namespace');
    await costs.run(new AbortController().signal);
    expect(server.received).toHaveLength(1);
    later(10 * 60_000);
    server.answer(refuse(403, 'pods "one" is forbidden'));
    await costs.run(new AbortController().signal);
    expect(server.received).toHaveLength(2);
    expect(lines).toHaveLength(1);
    later(10 * 60_000);
    expect(await written()).toHaveLength(2);
  });

  it('is tried again later when a pod is gone or the server is away, and other pods do not wait', async () => {
    const { costs, written, later, lines } = await costsOf('one', 'two');
    server.answer(refuse(404, 'pods "one" not found'), ok);
    await costs.run(new AbortController().signal);
    expect(server.received.map(({ path }) => path.split('/').at(-1))).toEqual(['one', 'two']);
    expect(lines).toHaveLength(1);
    expect(await written()).toEqual([]);
    later(10_000);
    expect(await written()).toEqual([['one', '0']]);
  });

  it('takes at most 20 requests at once, idle pods first', async () => {
    const names = Array.from({ length: 30 }, (_, at) => `pod-${String(at).padStart(2, '0')}`);
    const { written, take } = await costsOf(...names);
    await take('pod-00');
    const first = await written();
    expect(first).toHaveLength(20);
    expect(first.map(([name]) => name)).not.toContain('pod-00');
    expect(await written()).toHaveLength(10);
    expect(await written()).toEqual([]);
  });
});
