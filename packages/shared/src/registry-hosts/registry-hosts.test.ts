import { describe, expect, test } from 'vitest';
import { parseImageReference } from '../contracts/index.js';
import { allowsPlainHttp, isLoopbackRegistry, withLoopbackNames } from './index.js';

describe('a registry on this machine', () => {
  test.each([
    ...['localhost', 'localhost:5000', 'LOCALHOST:5000', '127.0.0.1', '127.0.0.1:5000', '127.0.0.2:5000'],
    ...['127.255.255.254:80', '[::1]', '[::1]:5000', '[0:0:0:0:0:0:0:1]:5000', '[::ffff:127.0.0.1]:5000'],
  ])('can be named %s', (host) => {
    expect(isLoopbackRegistry(host)).toBe(true);
    expect(allowsPlainHttp([], host)).toBe(false);
    expect(allowsPlainHttp(['*'], host)).toBe(true);
  });

  test.each([
    ...['registry:5000', '128.0.0.1:5000', '126.255.255.255', '10.0.0.1', '0.0.0.0:5000', '127.1:5000'],
    ...['localhost.example', 'reg.localhost:5000', '127.0.0.1.example:5000', '[::2]:5000', '[::]:5000', ''],
  ])('is not named %s', (host) => {
    expect(isLoopbackRegistry(host)).toBe(false);
    expect(allowsPlainHttp(['127.0.0.1:5000', 'localhost', '[::1]:5000'], host)).toBe(false);
  });

  test.each(['127.0.0.1:5000', 'localhost:5000', '[::1]:5000', '127.9.9.9:5000'])(
    'listed as %s allows plain HTTP under its other names, but only at that port',
    (listed) => {
      for (const name of ['127.0.0.1', 'localhost', '[::1]', '127.0.0.2']) {
        expect(allowsPlainHttp([listed], `${name}:5000`)).toBe(true);
        expect(allowsPlainHttp([listed], `${name}:5001`)).toBe(false);
        expect(allowsPlainHttp([listed], name)).toBe(false);
      }
      expect(allowsPlainHttp([listed], 'registry:5000')).toBe(false);
    },
  );

  test('has all its usual names for tools that compare texts', () => {
    expect(withLoopbackNames(['r:5000', '127.0.0.1:5000', 'localhost:5000'])).toEqual([
      ...['r:5000', '127.0.0.1:5000', 'localhost:5000', '[::1]:5000'],
    ]);
    expect(withLoopbackNames(['localhost'])).toEqual(['localhost', '127.0.0.1', '[::1]']);
  });

  test.each(['localhost', 'localhost:5000', '127.0.0.2:5000', '[::1]:5000', '[::1]'])(
    '%s begins an image reference',
    (domain) => {
      expect(parseImageReference(`${domain}/team/x:1`)).toMatchObject({ domain, path: 'team/x', tag: '1' });
    },
  );
});
