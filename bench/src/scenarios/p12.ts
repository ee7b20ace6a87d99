import { type Fleet, readStats, startFleet, submitAll } from '@slipway/simulator';
import { openRecords } from '../fleets/records.js';
import type { Scenario } from '../scenario.js';

const batch = 1_000;
const slots = 4;
const durations = { meanMs: 200, sigma: 0.6 };

export const p12: Scenario = {
  name: 'P12',
  about:
    "one job behind another tenant's 1,000: its wait in mean build times, against first come, first served",

  async run({ note }) {
    const fleet = await startFleet({
      replicas: [{ slots }, { slots }, { slots }],
      durations,
    });
    const records = openRecords(fleet);
    const spec = (tenant: string, at: number) => ({ image: `registry.test/${tenant}/function-${at}:1` });
    // Only tenants that have uploaded a source may use it.
    const own = { source: { files: { Dockerfile: 'FROM scratch\n' } } };
    try {
      const second = await addTenant('single', fleet);
      note(`${batch} jobs of one tenant, then five of another, one at a time`);
      await submitAll({ fleet, specs: Array.from({ length: batch }, (_, at) => spec('many', at)) });
      const waits: number[] = [];
      for (let at = 0; at < 5; at++) {
        const [job] = await submitAll({ fleet, specs: [{ ...spec('single', at), ...own }], token: second });
        await fleet.calls.call(`/v1/jobs/${job?.id}?wait=60`, { token: second });
        const [record] = await records.get([job?.id ?? '']);
        waits.push((record?.startedAt ?? Number.NaN) - (record?.createdAt ?? Number.NaN));
      }
      const queued = await records.count(['queued']);
      await records.ended(batch + waits.length);
      const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
      const begun = stats.reduce((sum, each) => sum + each.begun, 0);
      const meanMs = stats.reduce((sum, each) => sum + each.slept_ms, 0) / begun;
      return {
        wait_rounds: Math.max(...waits) / meanMs,
        first_come_rounds: batch / (slots * 3),
        batch,
        queued_after: queued,
        wait_ms: Math.max(...waits),
        mean_build_ms: meanMs,
      };
    } finally {
      await records.close();
      await fleet.stop();
    }
  },
};

/** Creates a tenant, and returns a token of the tenant. */
async function addTenant(name: string, { calls }: Fleet): Promise<string> {
  const tenant = await calls.call(`/v1/tenants/${name}`, { method: 'PUT', json: { images: ['*'] } });
  const token = await calls.call('/v1/tokens', {
    method: 'POST',
    json: { tenant: name, description: 'the bench', scopes: ['jobs:write'] },
  });
  if (tenant.status !== 201 || token.status !== 201) {
    throw new Error(`the tenant was answered with ${tenant.status}, its token with ${token.status}`);
  }
  return (token.body as { token: string }).token;
}
