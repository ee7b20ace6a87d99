import type { SlipwayError } from '@slipway/shared/errors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubernetesClient } from './client.js';
import { type FollowTimes, followCollection } from './follow.js';
import { list, refuse, startWatchServer, watch } from './testing/watch-server.js';

const object = (name: string, version: number, value = '') => ({
  metadata: { name, resourceVersion: String(version) },
  value,
});
const event = (type: string, name: string, version: number, value?: string) => ({
  type,
  object: object(name, version, value),
});
const bookmark = (version: number) => ({
  type: 'BOOKMARK',
  object: { metadata: { resourceVersion: String(version), creationTimestamp: null } },
});

let server: Awaited<ReturnType<typeof startWatchServer>>;
let client: KubernetesClient;
let stop: AbortController;
beforeEach(async () => {
  server = await startWatchServer();
  client = new KubernetesClient({ config: server.config });
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await client.close();
  await server.stop();
});

/** Follows the collection of the server. `states` has what it learned, each time. */
function follow(times: Partial<FollowTimes> = {}) {
  const states: string[] = [];
  const faults: (SlipwayError | undefined)[] = [];
  const running = followCollection<string>({
    ...{ client, path: '/things', labelSelector: 'a=b', permission: 'get of things', signal: stop.signal },
    times: { watchMs: 60_000, silenceMs: 60_000, pauseMs: 5, longestPauseMs: 50, ...times },
    keep(each) {
      const { metadata, value } = each as ReturnType<typeof object>;
      return metadata.name + value;
    },
    onObjects: (objects) => states.push([...objects].sort().join(' ')),
    onFault: (fault) => faults.push(fault),
  });
  return { states, faults, running };
}

const versions = () =>
  server.received.map(({ query }) => (query.has('watch') ? query.get('resourceVersion') : 'list'));

describe('a collection of the Kubernetes API', () => {
  it('is listed in pages, and watched from the version of the list', async () => {
    server.answer(
      list('6', [object('a', 1)], 'next page'),
      list('7', [object('b', 2)]),
      watch([event('ADDED', 'c', 8), event('MODIFIED', 'a', 9, '!'), event('DELETED', 'b', 10)]),
    );
    const { states } = follow();
    await expect.poll(() => states).toEqual(['a b', 'a b c', 'a! b c', 'a! c']);
    expect(server.received.map(({ query }) => Object.fromEntries(query))).toEqual([
      { labelSelector: 'a=b', limit: '100' },
      { labelSelector: 'a=b', limit: '100', continue: 'next page' },
      {
        ...{ labelSelector: 'a=b', watch: 'true', allowWatchBookmarks: 'true' },
        ...{ resourceVersion: '7', timeoutSeconds: '60' },
      },
    ]);
  });

  it.each([1, 2, 3, 7, 1_000])(
    'is read from chunks of %i bytes, also within a character',
    async (chunkBytes) => {
      server.answer(
        list('1', []),
        watch([event('ADDED', 'ü€😀', 2), event('ADDED', 'b', 3)], { chunkBytes }),
      );
      const { states } = follow();
      await expect.poll(() => states.at(-1)).toBe('b ü€😀');
    },
  );

  it('is watched on from the last event or bookmark when a watch ends', async () => {
    server.answer(
      list('1', [object('a', 1)]),
      watch([event('ADDED', 'b', 5)], { ends: true }),
      watch([bookmark(90)], { ends: true }),
      watch([]),
    );
    const { states } = follow();
    await expect.poll(versions).toEqual(['list', '1', '5', '90']);
    expect(states).toEqual(['a', 'a b']);
  });

  it.each([
    ['the answer to a watch', refuse(410, 'too old resource version')],
    ['an event', watch([{ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old' } }])],
  ])('is listed again after 410 as %s', async (_how, gone) => {
    server.answer(list('1', [object('a', 1), object('b', 1)]), gone, list('50', [object('b', 1)]), watch([]));
    const { states, faults } = follow();
    await expect.poll(versions).toEqual(['list', '1', 'list', '50']);
    expect(states).toEqual(['a b', 'b']);
    expect(faults.filter(Boolean)).toEqual([]);
  });

  it('is listed again after what cannot be read, and keeps its objects until then', async () => {
    const broken = { type: 'ADDED', object: { metadata: {} } };
    server.answer(list('1', [object('a', 1)]), watch([broken]), list('2', [object('b', 2)]), watch([]));
    const { states, faults } = follow();
    await expect.poll(versions).toEqual(['list', '1', 'list', '2']);
    expect(states).toEqual(['a', 'b']);
    expect(faults.filter(Boolean)).toMatchObject([{ code: 'kubernetes_unavailable' }]);
  });

  it('is watched on over a new connection when the old one falls silent', async () => {
    server.answer(
      list('1', [object('a', 1)]),
      watch([event('ADDED', 'b', 2)]),
      watch([event('ADDED', 'c', 3)]),
    );
    const { states } = follow({ silenceMs: 300 });
    await expect.poll(() => states.at(-1)).toBe('a b c');
    expect(versions().slice(0, 3)).toEqual(['list', '1', '2']);
  });

  it('keeps its objects while the API server is away, and is watched on when it is back', async () => {
    server.answer(list('1', [object('a', 1)]), watch([event('ADDED', 'b', 2)]));
    const { states, faults } = follow();
    await expect.poll(() => states.at(-1)).toBe('a b');
    await server.close();
    await expect.poll(() => faults.at(-1)?.code).toBe('kubernetes_unavailable');
    server.answer(watch([event('ADDED', 'c', 3)]));
    await server.listen();
    await expect.poll(() => states).toEqual(['a', 'a b', 'a b c']);
    expect(faults.at(-1)).toBeUndefined();
    expect(versions()).toEqual(['list', '1', '2']);
  });

  it('names the missing role when the API server forbids it, and asks again', async () => {
    server.answer(refuse(403, 'things is forbidden: User "x" cannot list'), list('1', [object('a', 1)]));
    const { states, faults } = follow();
    await expect.poll(() => states).toEqual(['a']);
    const [fault] = faults;
    expect(fault).toMatchObject({ code: 'kubernetes_forbidden' });
    expect(fault?.message).toContain('get of things');
    expect(fault?.message).toContain('cannot list');
  });

  it('is asked for with the token of now: the kubelet replaces it', async () => {
    server.answer(refuse(401, 'Unauthorized'), list('1', []), watch([], { ends: true }));
    await server.writeAccount('token', 'second\n');
    const { faults } = follow();
    await expect.poll(() => server.received.length).toBeGreaterThan(2);
    await server.writeAccount('token', 'third');
    server.answer(watch([], { ends: true }));
    for (const response of server.open) response.end();
    await expect.poll(() => server.received.at(-1)?.token).toBe('Bearer third');
    expect(server.received[0]?.token).toBe('Bearer second');
    expect(faults[0]).toMatchObject({ code: 'kubernetes_unauthorized' });
  });

  it('needs the token of a service account, and works once there is one', async () => {
    await server.removeAccount('token');
    const { states, faults } = follow();
    await expect.poll(() => faults.at(-1)?.code).toBe('kubernetes_unauthorized');
    expect(server.received).toEqual([]);
    server.answer(list('1', [object('a', 1)]));
    await server.writeAccount('token', 'x');
    await expect.poll(() => states).toEqual(['a']);
  });

  it('is refused as a whole when an event has too many bytes, without memory for it', async () => {
    server.answer(list('1', [object('a', 1)]), async (response) => {
      response.writeHead(200);
      const megabyte = Buffer.alloc(1_048_576, 'x');
      while (!response.destroyed) {
        await new Promise((resolve) => response.write(megabyte, resolve));
      }
    });
    const { states, faults } = follow();
    await expect.poll(() => faults.find(Boolean)?.message).toMatch(/more than 4194304 bytes/);
    expect(states).toEqual(['a']);
  });

  it('is asked for after a pause when a watch ends at once', async () => {
    server.answer(list('1', []), watch([], { ends: true }), watch([], { ends: true }));
    const { running } = follow({ pauseMs: 3_600_000 });
    await expect.poll(() => server.received.length + server.open.size).toBe(3);
    stop.abort();
    await running;
    expect(versions()).toEqual(['list', '1', '1']);
  });

  it('ends at once when it is stopped, also in a pause', async () => {
    await server.close();
    const { faults, running } = follow({ longestPauseMs: 3_600_000 });
    await expect.poll(() => faults.length).toBeGreaterThan(0);
    stop.abort();
    await running;
    await server.listen();
  });
});
