import { describe, expect, it } from 'vitest';
import { GitSlots } from './git-slots.js';

/** Work that continues until it is released. */
function held(slots: GitSlots, tenant: string) {
  let letGo = () => {};
  const begun: string[] = [];
  const work = slots.run(tenant, async () => {
    begun.push(tenant);
    await new Promise<void>((resolve) => {
      letGo = resolve;
    });
  });
  return { work, begun: () => begun.length === 1, end: () => letGo() };
}
const settled = () => new Promise(setImmediate);

describe('slots of git', () => {
  it('keeps a slot for another tenant while one tenant wants all', async () => {
    const slots = new GitSlots({ atOnce: 4, waiting: 100 });
    const many = Array.from({ length: 20 }, () => held(slots, 'busy'));
    const one = held(slots, 'other');
    await settled();
    expect(many.filter(({ begun }) => begun())).toHaveLength(3);
    expect(one.begun()).toBe(true);
    for (const each of [one, ...many]) {
      each.end();
      await each.work;
    }
  });

  it('gives a slot to the tenant with the fewest, and among equals to the first', async () => {
    const slots = new GitSlots({ atOnce: 1, waiting: 100 });
    const [first, second] = [held(slots, 'busy'), held(slots, 'busy')];
    const other = held(slots, 'other');
    first.end();
    await first.work;
    await settled();
    expect([second.begun(), other.begun()]).toEqual([true, false]);
    second.end();
    await second.work;
    await settled();
    expect(other.begun()).toBe(true);
    other.end();
    await other.work;
  });

  it('lets one tenant take half of the waiting places, and refuses every call when none is left', async () => {
    const slots = new GitSlots({ atOnce: 1, waiting: 4 });
    const busy = Array.from({ length: 3 }, () => held(slots, 'busy'));
    await expect(slots.run('busy', async () => {})).rejects.toMatchObject({ code: 'git_busy' });
    const others = [held(slots, 'a'), held(slots, 'b')];
    await expect(slots.run('c', async () => {})).rejects.toMatchObject({ code: 'git_busy' });
    for (const each of [...busy, ...others]) {
      await settled();
      each.end();
      await each.work;
    }
  });
});
