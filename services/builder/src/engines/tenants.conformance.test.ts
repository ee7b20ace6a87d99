import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineNames, isTested } from '../testing/engines.js';
import { startTenantBuilds, type TenantBuilds } from '../testing/tenant-builds.js';

const timeout = 60_000;

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('a tenant finds in its images', { timeout }, () => {
    let builds: TenantBuilds;
    beforeAll(async () => {
      builds = await startTenantBuilds(name);
    }, timeout);
    afterAll(() => builds?.stop());

    /** Looks into a cache mount, and then leaves a mark there. */
    const steps = (mark: string) =>
      `RUN --mount=type=cache,id=shared,target=/cache busybox cat /cache/left > /found || true; echo left ${mark} > /cache/left\n`;

    test('nothing that another tenant has left in a cache mount', async () => {
      await builds.build({ tenant: 'one', steps: steps('first') });
      const other = await builds.build({ tenant: 'two', steps: steps('second') });
      expect(other.content).not.toContain('left first');
      const again = await builds.build({ tenant: 'one', steps: steps('third') });
      expect(again.content).not.toContain('left second');
      if (name === 'buildkit') expect(again.content).toContain('left first');
    });
  });
});
