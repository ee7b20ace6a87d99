import { parseAllowlist } from '@slipway/shared/egress';
import { describe, expect, it } from 'vitest';
import { parseItems } from './items.js';
import { resolveItems } from './resolve-items.js';

const items = (count: number) => Array.from({ length: count }, (_, at) => ({ image: `r.example/x:${at}` }));

/** A source of files that counts its reads. */
function countedSource() {
  let reads = 0;
  const files = new Proxy<Record<string, string>>(
    { Dockerfile: 'FROM scratch\n' },
    {
      ownKeys(target) {
        reads++;
        return Reflect.ownKeys(target);
      },
    },
  );
  return { source: { files }, reads: () => reads };
}

describe('the source of the defaults', () => {
  it('is read as often for many items as for one', async () => {
    const [one, many] = [countedSource(), countedSource()];
    await parseItems({ defaults: { source: one.source }, items: items(1) });
    const requests = await parseItems({ defaults: { source: many.source }, items: items(50) });
    expect(requests).toHaveLength(50);
    expect(many.reads()).toBe(one.reads());
  });

  it('is digested once for all items, and stored once', async () => {
    const [first, ...others] = await parseItems({
      defaults: { source: { files: { Dockerfile: 'FROM scratch\n' } } },
      items: items(50),
    });
    if (!first) throw new Error('no item');
    let digested = 0;
    const source = Object.defineProperty({ ...first.source }, 'toJSON', {
      value: () => {
        digested++;
        return first.source;
      },
    });
    expect(new Set([first, ...others].map((request) => request.source)).size).toBe(1);
    let stored = 0;
    const refuse = () => Promise.reject(new Error('not asked for'));
    const digest = `sha256:${'a'.repeat(64)}`;
    const specs = await resolveItems(
      [first, ...others].map((request) => ({ ...request, source })),
      {
        name: 'team',
        weight: 1,
        settings: { highest_priority: 'high', proxy_arguments: false, limits: {}, images: ['*'] },
        maxStoredBytes: 1,
      },
      {
        egressAllow: parseAllowlist(''),
        contexts: { of: () => async () => undefined },
        templates: { get: refuse },
        git: { take: refuse },
        owners: {
          add: async () => ({ outcome: 'new', bytes: 1 }),
          has: async () => true,
          room: (): never => {
            throw new Error('there is no quota');
          },
        },
        sources: {
          find: refuse,
          async ingest() {
            stored++;
            return { digest, bytes: 1, files: 1, created: true, tarBytes: 1 };
          },
        },
      },
    );
    expect([digested, stored, specs.length]).toEqual([1, 1, 50]);
  });

  it('is refused for each item without a valid value of its own', async () => {
    const own = { source: { files: { Dockerfile: 'FROM scratch\n' } } };
    const [first = {}, second = {}] = items(2);
    const refused = parseItems({
      defaults: { source: { files: {} } },
      items: [first, { ...second, ...own }],
    });
    await expect(refused).rejects.toMatchObject({
      code: 'batch_invalid',
      errors: [{ path: expect.stringMatching(/^\/items\/0\/source/) }],
    });
    const missing = parseItems({ defaults: {}, items: [first] });
    await expect(missing).rejects.toMatchObject({ errors: [{ path: '/items/0/source' }] });
  });
});

it.each([
  [{ function: 'dev/hello' }, {}, 'items[1] (dev/hello)/image: "No Image" is not an image reference'],
  [{}, { function: 'hello' }, 'items[1] (hello)/image: "No Image" is not'],
  [{}, {}, 'items[1]/image: "No Image" is not'],
  [{ function: 'Bad\u202e' }, {}, 'items[1] (Bad\\u202e)/image: "No Image" is not'],
])('names the invalid item and its function: %j, %j', async (item, defaults, message) => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const [first = {}, second = {}] = items(2);
  const wrong = { ...second, source: { digest }, ...item, image: 'No Image' };
  const refused = parseItems({ defaults, items: [{ ...first, source: { digest } }, wrong] });
  await expect(refused).rejects.toThrow(message);
});

it('refuses defaults that are larger, without their source, than a job may be', async () => {
  const defaults = { build_args: { A: 'x'.repeat(1024 * 1024) } };
  await expect(parseItems({ defaults, items: items(1) })).rejects.toMatchObject({
    code: 'batch_invalid',
    errors: [{ path: '/defaults' }],
  });
});
