import { describe, expect, it } from 'vitest';
import { parseBuilders } from './builders.js';
import { Fleet } from './fleet.js';

describe('BUILDERS', () => {
  it('names replicas, each with an optional limit', () => {
    expect(parseBuilders(' http://a:8081#max=4, https://b.example ,')).toEqual([
      { url: 'http://a:8081', max: 4 },
      { url: 'https://b.example', max: undefined },
    ]);
  });

  it.each([
    '',
    'a:8081',
    'ftp://a',
    'http://a/build',
    'http://a#max=0',
    'http://a#min=1',
    'http://u:p@a',
    'http://a,http://a/',
  ])('cannot be %j', (text) => {
    expect(() => parseBuilders(text)).toThrow();
  });

  it('shows no credentials in what it complains about', () => {
    expect(() => parseBuilders('http://user:hunter2@a')).not.toThrow(/hunter2/);
  });
});

describe('a fleet', () => {
  it('never gives a replica more builds than its limit, and fills the emptiest first', () => {
    const fleet = new Fleet([
      { url: 'a', max: 1 },
      { url: 'b', max: 2 },
    ]);
    const slots = [1, 2, 3].map(() => fleet.acquire(new Set()));
    expect(slots.map((slot) => slot?.url).toSorted()).toEqual(['a', 'b', 'b']);
    expect(fleet.acquire(new Set())).toBeUndefined();
    const freed = slots.find((slot) => slot?.url === 'a');
    freed?.release();
    freed?.release();
    expect(fleet.acquire(new Set(['a']))).toBeUndefined();
    expect(fleet.acquire(new Set())?.url).toBe('a');
    expect(fleet.acquire(new Set())).toBeUndefined();
  });
});
