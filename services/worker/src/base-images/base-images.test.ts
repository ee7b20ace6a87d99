import { describe, expect, it } from 'vitest';
import { usedBases } from './base-images.js';

const [old, now] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];
const node = 'docker.io/library/node:22';
const given = (...list: { reference: string; digest?: string; platform_digest?: string }[]) => list;

describe('the base images of a build', () => {
  it('have the digest that the Dockerfile pins', () => {
    const named = [`${node}@${old}`, node, `docker.io/library/alpine@${now}`];
    const list = given({ reference: node, digest: old }, { reference: node, digest: now });
    expect(usedBases(named, { from: 'log', list })?.bases).toEqual([
      { reference: `${node}@${old}`, digest: old },
      { reference: node, digest: now },
      { reference: `docker.io/library/alpine@${now}`, digest: now },
    ]);
  });

  it('have no digest when a builder reported two', () => {
    const list = given({ reference: node, digest: old }, { reference: node, digest: now });
    for (const from of ['result', 'log'] as const) {
      expect(usedBases([node], { from, list })).toEqual({ baseImages: [node], bases: [{ reference: node }] });
    }
  });

  it('are those of the result where the Dockerfile cannot be read', () => {
    const pinned = `r.example/x@${old}`;
    const list = given({ reference: pinned, platform_digest: now }, { reference: node, digest: now });
    expect(usedBases(undefined, { from: 'result', list })).toEqual({
      baseImages: [pinned, node],
      bases: [
        { reference: pinned, digest: old, platform_digest: now },
        { reference: node, digest: now },
      ],
    });
    expect(usedBases(undefined, { from: 'log', list })).toBeUndefined();
    expect(usedBases([], { from: 'log', list })).toEqual({ baseImages: [], bases: [] });
  });

  it('stay within 32 KiB with their digests', () => {
    const named = Array.from({ length: 256 }, (_none, at) => `r.example/${'a'.repeat(900)}:${at}`);
    const list = given(...named.map((reference) => ({ reference, digest: now })));
    const used = usedBases(named, { from: 'log', list });
    expect(used?.baseImages).toHaveLength(256);
    expect(JSON.stringify(used?.bases).length).toBeLessThanOrEqual(32 * 1024);
  });
});
