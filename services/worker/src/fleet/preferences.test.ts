import { describe, expect, it } from 'vitest';
import type { Replica } from './discovery.js';
import { Preferences } from './preferences.js';

const urlOf = (name: string) => `http://${name}:8081`;
const replica = (name: string, more: Partial<Replica> = {}): Replica => ({
  ...{ url: urlOf(name), max: 1, pool: 'default', platforms: [], ...more },
});
const build = (more: { pool?: string; home?: string } = {}) => ({
  ...{ pool: 'default', repository: 'r.example/a', home: undefined, ...more },
});

describe('the replicas that come first for a build', () => {
  it('are a few of the pool, the home before them, and are computed again only when the replicas change', () => {
    let replicas = [
      ...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => replica(name)),
      replica('arm', { pool: 'arm' }),
    ];
    const preferences = new Preferences({ replicas: () => replicas });
    const one = build();
    const first = preferences.of(one);
    expect(first.preference).toHaveLength(4);
    expect(preferences.of(one)).toBe(first);
    expect(preferences.of(build())).toEqual(first);
    expect(preferences.of(build({ pool: 'arm' })).preference).toEqual([urlOf('arm')]);
    expect(preferences.of(build({ pool: 'none' })).preference).toEqual([]);
    const away = ['a', 'b', 'c', 'd', 'e', 'f'].map(urlOf).find((url) => !first.preference.includes(url));
    for (const home of [away, first.preference[2]]) {
      const others = first.preference.filter((url) => url !== home);
      expect(preferences.of(build({ ...(home && { home }) }))).toEqual({
        home,
        preference: [home, ...others],
      });
    }
    for (const home of [urlOf('arm'), urlOf('gone')]) expect(preferences.of(build({ home }))).toEqual(first);
    replicas = [replica('a', { isLeaving: true }), replica('b')];
    expect(preferences.of(one).preference).toEqual([urlOf('b')]);
    expect(preferences.of(build({ home: urlOf('a') })).home).toBeUndefined();
  });

  it('know the replicas of other workers and the replicas that end, until the replicas change', () => {
    let replicas = [replica('a'), replica('b', { isLeaving: true }), replica('c', { pool: 'arm' })];
    const preferences = new Preferences({ replicas: () => replicas });
    expect([...preferences.others('default')]).toEqual([urlOf('b')]);
    expect(preferences.knows(urlOf('a'), 'default')).toBe(true);
    expect(preferences.knows(urlOf('c'), 'default')).toBe(false);
    expect(preferences.knows(urlOf('x'), 'default')).toBe(false);
    expect([...preferences.others('default')]).toEqual(['b', 'c', 'x'].map(urlOf));
    expect([...preferences.others('arm')]).toEqual([]);
    replicas = [replica('x')];
    expect([...preferences.others('default')]).toEqual([]);
    expect(preferences.knows(urlOf('x'), 'default')).toBe(true);
  });
});
