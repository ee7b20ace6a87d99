import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineNames, isTested } from '../testing/engines.js';
import { startTenantBuilds, type TenantBuilds } from '../testing/tenant-builds.js';

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('a tenant finds in its images', () => {
    let builds: TenantBuilds;
    beforeAll(async () => {
      builds = await startTenantBuilds(name);
    });
    afterAll(() => builds?.stop());

    const mount = '--mount=type=cache,id=shared,target=/cache';
    const leave = (mark: string) => `RUN ${mount} echo ${mark} > /cache/left\n`;
    /** The same for both tenants: an engine that finds layers by their step alone gives one what the other has made. */
    const look = `RUN ${mount} busybox cat /cache/left > /found || true\n`;

    test('nothing that another tenant has left in a cache mount', async () => {
      await builds.build({ tenant: 'one', steps: leave('left by one') });
      await builds.build({ tenant: 'two', steps: leave('left by two') });
      const own = await builds.build({ tenant: 'one', steps: look });
      expect(own.content).not.toContain('left by two');
      const other = await builds.build({ tenant: 'two', steps: look });
      expect(other.content).not.toContain('left by one');
      if (name !== 'buildkit') return;
      expect([own.content, other.content]).toEqual([
        expect.stringContaining('left by one'),
        expect.stringContaining('left by two'),
      ]);
    });
  });
});
