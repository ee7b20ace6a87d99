import { randomUUID } from 'node:crypto';
import { BaseWatch } from '@slipway/control-plane/functions';
import { redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
});
afterAll(() => fleet.stop());
beforeEach(() => fleet.renew());

const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;
const [old, now, platform] = [digestOf('1'), digestOf('2'), digestOf('3')];
const node = 'docker.io/library/node:22';
const pinned = `r.example/tool@${old}`;

const list = async (query = '', token?: string) => {
  const { status, body } = await fleet.say('GET', `/v1/base-images${query}`, undefined, token);
  expect([status, body.detail]).toEqual([200, undefined]);
  return body;
};

/** Builds a function upon `node` with a digest, and a pinned image. */
async function built(name: string, digest: string | undefined, token = fleet.mine): Promise<void> {
  const { id } = await fleet.submit({ function: name, labels: { run: randomUUID() } }, token);
  await fleet.succeed(
    id,
    [node, pinned],
    [
      { reference: node, ...(digest && { digest, platform_digest: platform }) },
      { reference: pinned, digest: old },
    ],
  );
}

describe('the base images of a tenant', () => {
  it('have their digests in use, the newest, and the number of functions behind it', async () => {
    for (const name of ['a', 'b', 'c']) await built(name, old);
    await built('d', undefined);
    const before = await list();
    expect(before.base_images).toEqual([
      {
        ...{ reference: node, functions: 4, digests: [{ digest: old, functions: 3 }], unknown: 1, behind: 0 },
        newest: { digest: old, since: expect.any(String) },
      },
      { reference: pinned, functions: 4, digests: [{ digest: old, functions: 4 }], unknown: 0, behind: 0 },
    ]);
    await built('b', now);
    await built('c', now);
    await built('c', now);
    const [moved] = (await list('?base_image=node&behind=true')).base_images;
    expect(moved).toMatchObject({
      functions: 4,
      digests: expect.arrayContaining([
        { digest: old, functions: 1 },
        { digest: now, functions: 2 },
      ]),
      unknown: 1,
      newest: { digest: now },
      behind: 1,
    });
    expect(moved.digests[0]).toEqual({ digest: now, functions: 2 });
    expect(moved.newest.since >= before.base_images[0].newest.since).toBe(true);
    // A function that was deleted or built from something else counts no more.
    await fleet.say('DELETE', '/v1/functions/openfaas-fn/a');
    expect((await list('?behind=true')).base_images).toEqual([]);
  });

  it('keep the newest digest when an attempt that began earlier ends later', async () => {
    const { id } = await fleet.submit({ function: 'slow' });
    const end = await fleet.begin(id);
    await built('quick', now);
    await end([node], [{ reference: node, digest: old }]);
    expect((await list()).base_images[0]).toMatchObject({ newest: { digest: now }, behind: 1 });
  });

  it('come in pages, and filtered', async () => {
    await built('a', now);
    const first = await list('?limit=1');
    expect(first).toMatchObject({ base_images: [{ reference: node }], next_cursor: node });
    const second = await list(`?limit=1&cursor=${encodeURIComponent(node)}`);
    expect(second).toMatchObject({ base_images: [{ reference: pinned }] });
    expect(second.next_cursor).toBeUndefined();
    expect((await list('?base_image=node:20')).base_images).toEqual([]);
    expect((await list('?behind=false&base_image=library/node')).base_images).toHaveLength(1);
    expect((await fleet.say('GET', '/v1/base-images?behind=maybe')).status).toBe(422);
  });

  it('are of its own functions alone', async () => {
    await built('a', now, fleet.other);
    expect((await list()).base_images).toEqual([]);
    await built('a', old);
    expect((await list()).base_images[0]).toMatchObject({ newest: { digest: old } });
    expect((await list('', fleet.other)).base_images[0]).toMatchObject({ newest: { digest: now } });
  });

  it('have what their registry said at the last check', async () => {
    await built('a', old);
    const watch = new BaseWatch({ redis: fleet.redis, keys: redisKeys(fleet.api.prefix), pauseMs: 0 });
    await watch.watch(new Set());
    await watch.watch(new Set([node]));
    const check = async (state: Parameters<BaseWatch['record']>[1]['state']) => {
      await watch.mark([node]);
      const [taken] = await watch.take(1);
      expect(taken && (await watch.record(taken, { state, nextMs: 3_600_000 }))).toBe(true);
    };
    const checkedAt = Date.now() + 60_000;
    const time = new Date(checkedAt).toISOString();
    const state = { digest: now, since: checkedAt, checkedAt, changedAt: checkedAt };
    await check(state);
    const seen = { newest: { digest: now, since: time }, behind: 1, checked_at: time, changed_at: time };
    expect((await list()).base_images[0]).toMatchObject(seen);
    const error = {
      code: 'pull_unauthorized',
      detail: 'r.example answered 401.',
      since: checkedAt,
      times: 3,
    } as const;
    await check({ ...state, error });
    expect((await list()).base_images[0]).toMatchObject({
      ...seen,
      check_error: { code: error.code, detail: error.detail, since: time },
    });
    // The same image for the platform, under another digest of the index.
    await check({ ...state, equal: [old] });
    expect((await list()).base_images[0]).toMatchObject({ behind: 0 });
  });
});
