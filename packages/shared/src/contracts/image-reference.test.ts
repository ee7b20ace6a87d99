import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imageRepository, parseImageReference } from './image-reference.js';

const hex = 'a'.repeat(64);

describe('an image reference', () => {
  it.each([
    ['hello', '', 'hello', undefined],
    ['team/hello:1.0', '', 'team/hello', '1.0'],
    ['localhost/hello', 'localhost', 'hello', undefined],
    ['localhost:5000/a/b/c:v1_2-3', 'localhost:5000', 'a/b/c', 'v1_2-3'],
    ['127.0.0.1:5000/x', '127.0.0.1:5000', 'x', undefined],
    ['[::1]:5000/x', '[::1]:5000', 'x', undefined],
    ['ghcr.io/o/a__b/c---d.e:T', 'ghcr.io', 'o/a__b/c---d.e', 'T'],
    ['Registry/x', 'Registry', 'x', undefined],
  ])('%s is parsed', (text, domain, path, tag) => {
    expect(parseImageReference(text)).toEqual({ domain, path, tag, digest: undefined });
  });

  it('may carry a digest', () => {
    expect(parseImageReference(`r.example/x:1@sha256:${hex}`)).toMatchObject({
      tag: '1',
      digest: `sha256:${hex}`,
    });
  });

  it.each([
    '',
    'UPPER',
    'a/UPPER',
    'r.example/x:',
    'r.example/x:-1',
    `x:${'t'.repeat(129)}`,
    'x@sha256:abc',
    'http://r.example/x',
    'r.example//x',
    '/x',
    'x/',
    'a..b',
    'a___b',
    'x y',
    'x\n',
    'x:1\n',
    '--output=x',
    'r.example:port/x',
    `r.example/${'a'.repeat(250)}`,
    `${'a/'.repeat(5000)}a`,
  ])('%j is invalid', (text) => {
    expect(parseImageReference(text)).toBeUndefined();
  });

  it('parses any text in linear time, and without characters that could end a command or header', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 5_000, unit: 'binary' }), (text) => {
        const reference = parseImageReference(text);
        if (reference) expect(text).toMatch(/^[A-Za-z0-9._:/@[\]+-]+$/);
      }),
    );
  });

  it('has a repository without tag and digest', () => {
    const reference = parseImageReference(`r.example:5000/a/b:1@sha256:${hex}`);
    expect(reference && imageRepository(reference)).toBe('r.example:5000/a/b');
  });
});
