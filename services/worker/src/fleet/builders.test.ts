import { describe, expect, it } from 'vitest';
import { parseBuilders } from './builders.js';

describe('BUILDERS', () => {
  it('names replicas, or a name with many, each with an optional limit', () => {
    expect(parseBuilders(' http://a:8081#max=4, https://b.example ,dns+http://builders:8081#max=2')).toEqual([
      { kind: 'url', url: 'http://a:8081', max: 4 },
      { kind: 'url', url: 'https://b.example', max: undefined },
      { kind: 'dns', url: 'http://builders:8081', max: 2 },
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
  ])('cannot be %j', (text) => {
    expect(() => parseBuilders(text)).toThrow();
  });

  it('shows no credentials in what it complains about', () => {
    for (const text of ['http://user:hunter2@a', 'ftp://user:hunter2@a', 'http//user:hunter2@a']) {
      expect(() => parseBuilders(text)).toThrow(/^(?!.*hunter2)/);
    }
  });
});
