import { randomBytes } from 'node:crypto';
import { readStats, startFleet, submitAll } from '@slipway/simulator';
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
    const second = randomBytes(24).toString('base64url');
    const fleet = await startFleet({
      replicas: [{ slots }, { slots }, { slots }],
      durations,
      env: { api: { TENANT_TOKENS: `single=${second}` } },
    });
    const records = openRecords(fleet);
    const spec = (tenant: string, at: number) => ({ image: `registry.test/${tenant}/function-${at}:1` });
    try {
      note(`${batch} jobs of one tenant, then five of another, one at a time`);
      await submitAll({ fleet, specs: Array.from({ length: batch }, (_, at) => spec('many', at)) });
      const waits: number[] = [];
      for (let at = 0; at < 5; at++) {
        const [job] = await submitAll({ fleet, specs: [spec('single', at)], token: second });
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
