import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rendezvous } from './rendezvous.js';

describe('the order of nodes for a key', () => {
  const nodes = ['a', 'b', 'c', 'd'];

  it('is the same in every process, and the loss of a node moves only its keys', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(...nodes), (key, lost) => {
        const order = rendezvous(key, nodes);
        expect(rendezvous(key, nodes.toReversed())).toEqual(order);
        expect(
          rendezvous(
            key,
            nodes.filter((node) => node !== lost),
          ),
        ).toEqual(order.filter((node) => node !== lost));
      }),
    );
  });

  it('spreads keys evenly', () => {
    const firsts = Array.from({ length: 4_000 }, (_unused, at) => rendezvous(`r.example/fn-${at}`, nodes)[0]);
    for (const node of nodes) {
      expect(Math.abs(firsts.filter((first) => first === node).length - 1_000)).toBeLessThan(150);
    }
  });
});
