import { parseImageReference } from '@slipway/shared/contracts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { imagePattern } from './image-pattern.js';

const before = { function: 'dev/api', image: 'ghcr.io/team/api:1.2' };

it.each([
  ['{registry}/{repository}:{version}', before, 'ghcr.io/team/api:7'],
  ['{registry}/{repository}:{tag}-{version}', before, 'ghcr.io/team/api:1.2-7'],
  ['r.example/{namespace}/{name}:{tag}', before, 'r.example/dev/api:1.2'],
  ['{registry}/{repository}:{tag}', { ...before, image: 'team/api' }, 'docker.io/team/api:latest'],
  ['r.example:5000/all:{name}', before, 'r.example:5000/all:api'],
])('%s gives %j for %j', (pattern, options, image) => {
  expect(imagePattern(pattern, { version: '7' })(options)).toBe(image);
});

it('prefers a value to a part of the same name', () => {
  expect(imagePattern('{registry}/{repository}:{tag}', { tag: 'v2' })(before)).toBe('ghcr.io/team/api:v2');
});

it.each(['{registry}/x:{vers}', '{registry}/{}', '{toString}/x'])(
  'refuses an unknown name in %s',
  (pattern) => {
    const name = /\{((?!registry)[^}]*)\}/.exec(pattern)?.[1];
    expect(() => imagePattern(pattern, { version: '7' })).toThrow(
      expect.objectContaining({
        code: 'request_invalid',
        errors: [{ path: '/image', message: expect.stringContaining(`{${name}}`) }],
      }),
    );
  },
);

it.each(['{name', '{registry}/{repository}:{tag}:{tag}', '{name}@{tag}', 'r.example/{name}:{bad}'])(
  'refuses the result of %s, and names the function',
  (pattern) => {
    const make = imagePattern(pattern, { bad: 'a b' });
    expect(() => make(before)).toThrow(
      expect.objectContaining({ code: 'image_invalid', message: expect.stringContaining('dev/api') }),
    );
  },
);

it('returns an image reference or an error for any input', () => {
  const text = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(text, fc.constantFrom('{tag}', '{name}', '{v}', '/', ':'))),
      text,
      (parts, v) => {
        try {
          const image = imagePattern(parts.join(''), { v })(before);
          expect(parseImageReference(image)?.digest).toBeUndefined();
          expect(parseImageReference(image)).toBeDefined();
        } catch (error) {
          expect(['image_invalid', 'request_invalid']).toContain((error as { code?: string }).code);
        }
      },
    ),
  );
});
