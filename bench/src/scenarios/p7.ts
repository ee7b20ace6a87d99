import { startFleet } from '@slipway/simulator';
import { fill, finishAll } from '../fleets/fill.js';
import { openRecords } from '../fleets/records.js';
import { median, percentile } from '../measure.js';
import type { BareExpressRequests } from '../processes/bare-express.js';
import { startProcess } from '../processes/forked.js';
import type { LoadRequests } from '../processes/http-load.js';
import type { Scenario } from '../scenario.js';

const stored = 100_000;
const connections = 16;
const rounds = 5;
const seconds = 4;

export const p7: Scenario = {
  name: 'P7',
  about: 'GET /v1/jobs/{id} with 100,000 jobs stored, against Express with one read of Redis',

  async run({ note }) {
    const fleet = await startFleet({ replicas: [{ slots: 1 }], workers: 0 });
    const records = openRecords(fleet);
    const load = startProcess<LoadRequests>('http-load');
    const bare = startProcess<BareExpressRequests>('bare-express');
    try {
      note(`storing ${stored} jobs that have ended`);
      const ids = await fill({ records, count: stored, source: fleet.source, queued: false });
      await finishAll(records, ids);
      const { port } = await bare.ask('listen', fleet);
      const contenders = {
        slipway: {
          origin: fleet.apis[0]?.url ?? '',
          paths: ids.map((id) => `/v1/jobs/${id}`),
          headers: { authorization: `Bearer ${fleet.token}` },
        },
        bare: { origin: `http://127.0.0.1:${port}`, paths: ids.map((id) => `/jobs/${id}`), headers: {} },
      };
      const measure = async (name: keyof typeof contenders, duration: number) => {
        const result = await load.ask('load', { ...contenders[name], connections, seconds: duration });
        if (result.failed > 0) throw new Error(`${result.failed} requests to ${name} failed`);
        return result;
      };
      await measure('slipway', 2);
      await measure('bare', 2);
      note(`${rounds} rounds of ${seconds} s each in turn, ${connections} connections`);
      const rates: Record<keyof typeof contenders, number[]> = { slipway: [], bare: [] };
      const times: Record<keyof typeof contenders, number[]> = { slipway: [], bare: [] };
      for (let round = 0; round < rounds; round++) {
        for (const name of ['slipway', 'bare'] as const) {
          const { perSecond, timesMs } = await measure(name, seconds);
          rates[name].push(perSecond);
          times[name].push(...timesMs);
        }
      }
      return {
        vs_bare: median(rates.slipway) / median(rates.bare),
        p99_ms: percentile(times.slipway, 0.99),
        stored,
        per_s: median(rates.slipway),
        bare_per_s: median(rates.bare),
        p50_ms: percentile(times.slipway, 0.5),
        bare_p50_ms: percentile(times.bare, 0.5),
        bare_p99_ms: percentile(times.bare, 0.99),
      };
    } finally {
      load.stop();
      bare.stop();
      await records.close();
      await fleet.stop();
    }
  },
};
