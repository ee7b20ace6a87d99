import { describe, expect, it } from 'vitest';
import { parseBuilders } from './builders.js';

describe('BUILDERS', () => {
  it('names replicas, or a name with many, each with an optional limit', () => {
    expect(parseBuilders(' http://a:8081#max=4, https://b.example ,dns+http://builders:8081#max=2')).toEqual([
      { kind: 'url', url: 'http://a:8081', max: 4, pool: 'default', platforms: [] },
      { kind: 'url', url: 'https://b.example', max: undefined, pool: 'default', platforms: [] },
      { kind: 'dns', url: 'http://builders:8081', max: 2, pool: 'default', platforms: [] },
    ]);
  });

  it('puts replicas into pools, and says what they build', () => {
    expect(
      parseBuilders(
        'http://a#platforms=linux/arm64+linux/arm/v7&max=2&pool=arm, http://b#pool=arm&platforms=linux/arm/v7+linux/arm64',
      ),
    ).toEqual([
      { kind: 'url', url: 'http://a', max: 2, pool: 'arm', platforms: ['linux/arm/v7', 'linux/arm64'] },
      {
        kind: 'url',
        url: 'http://b',
        max: undefined,
        pool: 'arm',
        platforms: ['linux/arm/v7', 'linux/arm64'],
      },
    ]);
  });

  it.each([
    '',
    'a:8081',
    'ftp://a',
    'dns+https://a',
    'http://a/build',
    'http://a#max=0',
    'http://a#min=1',
    'http://u:p@a',
    'http://a,http://a/',
    'http://a#max=1&max=2',
    'http://a#pool=',
    'http://a#pool=ARM',
    'http://a#pool=arm:64',
    'http://a#platforms=linux',
    'http://a#platforms=linux/x86_64+linux/amd64',
    'http://a#platforms=linux/arm64,http://b',
    'http://a#pool=arm,http://a#pool=amd',
  ])('cannot be %j', (text) => {
    expect(() => parseBuilders(text)).toThrow();
  });

  it('has platforms in normal form, so that builders of a pool may spell them differently', () => {
    const entries = parseBuilders('http://a#platforms=x86_64+armhf,http://b#platforms=linux/arm+Linux/amd64');
    expect(entries.map(({ platforms }) => platforms)).toEqual([
      ['linux/amd64', 'linux/arm/v7'],
      ['linux/amd64', 'linux/arm/v7'],
    ]);
  });

  it('shows no credentials in what it complains about', () => {
    for (const text of ['http://user:hunter2@a', 'ftp://user:hunter2@a', 'http//user:hunter2@a']) {
      expect(() => parseBuilders(text)).toThrow(/^(?!.*hunter2)/);
    }
  });
});
