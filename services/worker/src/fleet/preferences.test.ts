import { describe, expect, it } from 'vitest';
import type { Replica } from './discovery.js';
import { Preferences } from './preferences.js';

const replica = (name: string, more: Partial<Replica> = {}): Replica => ({
  ...{ url: `http://${name}:8081`, max: 1, pool: 'default', platforms: [], ...more },
});

describe('the order of replicas for a build', () => {
  it('has the replicas of the pool that stay, and is computed again only when they change', () => {
    let replicas = [replica('a'), replica('b'), replica('c', { pool: 'arm' })];
    const preferences = new Preferences({ replicas: () => replicas });
    const [build, other] = [1, 2].map(() => ({ pool: 'default', repository: 'r.example/a' }));
    if (!build || !other) throw new Error('no builds');
    const order = preferences.of(build);
    expect(order.toSorted()).toEqual(['http://a:8081', 'http://b:8081']);
    expect(preferences.of(build)).toBe(order);
    expect(preferences.of(other)).toEqual(order);
    expect(preferences.of({ pool: 'arm', repository: 'r.example/a' })).toEqual(['http://c:8081']);
    expect(preferences.of({ pool: 'none', repository: 'r.example/a' })).toEqual([]);
    replicas = [replica('a', { isLeaving: true }), replica('b')];
    expect(preferences.of(build)).toEqual(['http://b:8081']);
    expect(preferences.of({ pool: 'arm', repository: 'r.example/a' })).toEqual([]);
  });
});
