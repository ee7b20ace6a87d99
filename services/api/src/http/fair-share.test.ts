import { describe, expect, it } from 'vitest';
import { FairShare } from './fair-share.js';

const settled = () => new Promise(setImmediate);

function claimant(share: FairShare) {
  const order: string[] = [];
  const ends = new Map<string, () => void>();
  const tryClaim = async (tenant: string, amount: number, name: string, signal?: AbortSignal) => {
    const release = await share.take({ tenant, amount, signal });
    order.push(name);
    ends.set(name, release);
  };
  return {
    order,
    tryClaim,
    claim(tenant: string, amount: number, name = tenant): void {
      void tryClaim(tenant, amount, name).catch(() => undefined);
    },
    async end(name: string) {
      await settled();
      ends.get(name)?.();
      await settled();
    },
  };
}

describe('a fair share', () => {
  it('leaves room for others when one tenant wants all', async () => {
    const { order, claim, end } = claimant(new FairShare({ total: 4, perTenant: 2 }));
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) claim('a', 1, name);
    claim('b', 1);
    await settled();
    expect(order).toEqual(['a1', 'a2', 'b']);
    await end('a1');
    expect(order).toEqual(['a1', 'a2', 'b', 'a3']);
  });

  it('serves tenants in turn, each in its order', async () => {
    const { order, claim, end } = claimant(new FairShare({ total: 1, perTenant: 1 }));
    for (const name of ['a1', 'a2', 'a3']) claim('a', 1, name);
    claim('b', 1, 'b1');
    claim('b', 1, 'b2');
    claim('c', 1, 'c1');
    for (const name of ['a1', 'a2', 'b1', 'c1', 'a3', 'b2']) {
      await settled();
      expect(order.at(-1)).toBe(name);
      await end(name);
    }
  });

  it('does not starve a large claim, and caps a claim at the share', async () => {
    const { order, claim, end } = claimant(new FairShare({ total: 4, perTenant: 4 }));
    claim('a', 2, 'a1');
    claim('b', 2, 'b1');
    claim('c', 100, 'large');
    claim('d', 1, 'd1');
    await end('a1');
    expect(order).toEqual(['a1', 'b1']);
    await end('b1');
    expect(order).toEqual(['a1', 'b1', 'large']);
    await end('large');
    expect(order.at(-1)).toBe('d1');
  });

  it('drops waiting claims that are aborted, and serves those behind', async () => {
    const { order, claim, tryClaim, end } = claimant(new FairShare({ total: 2, perTenant: 2 }));
    claim('a', 1, 'a1');
    const leave = new AbortController();
    const left = tryClaim('b', 2, 'left', leave.signal);
    claim('c', 1, 'c1');
    await settled();
    expect(order).toEqual(['a1']);
    leave.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    await settled();
    expect(order).toEqual(['a1', 'c1']);
    await end('a1');
    await end('c1');
    claim('d', 2, 'd1');
    await settled();
    expect(order.at(-1)).toBe('d1');
    await expect(tryClaim('d', 1, 'never', leave.signal)).rejects.toThrow('gone');
  });
});
