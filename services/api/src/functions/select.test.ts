import fc from 'fast-check';
import { expect, it } from 'vitest';
import { globFits } from './select.js';

it('matches the same texts as a regular expression', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '-', '.'), maxLength: 12 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', '*', '*'), maxLength: 8 });
  fc.assert(
    fc.property(pattern, text, (glob, name) => {
      const expression = new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
      expect(globFits(glob, name)).toBe(expression.test(name));
    }),
    { numRuns: 2_000 },
  );
});

it('matches at once with any number of stars', () => {
  expect(globFits(`${'*a'.repeat(60)}b`, 'a'.repeat(63))).toBe(false);
});
