import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rendezvous } from './rendezvous.js';

describe('the order of nodes for a key', () => {
  const nodes = ['a', 'b', 'c', 'd'];

  it('is the same in every process, and the loss of a node moves only its keys', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(...nodes), (key, lost) => {
        const order = rendezvous(nodes)(key);
        expect(order.toSorted()).toEqual(nodes);
        expect(rendezvous(nodes.toReversed())(key)).toEqual(order);
        expect(rendezvous(nodes.filter((node) => node !== lost))(key)).toEqual(
          order.filter((node) => node !== lost),
        );
        for (const count of [0, 1, 3, 9])
          expect(rendezvous(nodes)(key, count)).toEqual(order.slice(0, count));
      }),
    );
  });

  it('spreads keys evenly', () => {
    const order = rendezvous(nodes);
    const firsts = Array.from({ length: 4_000 }, (_unused, at) => order(`r.example/fn-${at}`, 1)[0]);
    for (const node of nodes) {
      expect(Math.abs(firsts.filter((first) => first === node).length - 1_000)).toBeLessThan(150);
    }
  });
});
