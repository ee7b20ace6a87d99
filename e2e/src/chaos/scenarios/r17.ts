import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { findTool } from '@slipway/local';
import type { EngineName } from '@slipway/shared/contracts';
import { seededRandom } from '@slipway/simulator';
import { startStack } from '../../stack.js';
import { doors, openArena } from '../isolation/arena.js';
import { type Attack, attacks, type Findings, operatorAttacks } from '../isolation/attacks.js';
import { pairs } from '../report.js';
import type { Chaos, Scenario } from '../scenario.js';

interface Result extends Findings {
  readonly accepted: number;
  readonly lost: number;
}

export const r17: Scenario = {
  name: 'R17',
  about:
    'tenants on one BuildKit attack the layers, cache mounts, proxies and contexts of each other: nothing leaks, is poisoned or is stale',
  defaults: { jobs: 0, runs: 1 },

  async run(chaos) {
    const onBuildkit = await onEngine('buildkit', attacks, chaos);
    // buildah builds only sources that the operator trusts, so it builds for no other tenant.
    const onBuildah =
      findTool('buildah') || process.env.CI ? await onEngine('buildah', operatorAttacks, chaos) : undefined;
    const sum = (field: keyof Result) => onBuildkit[field] + (onBuildah?.[field] ?? 0);
    const findings = { leaks: sum('leaks'), poisoned: sum('poisoned'), stale: sum('stale') };
    return {
      ...{ lost: sum('lost'), duplicated: 0, conflicting: 0, undelivered: 0 },
      faults: { ...findings, unproved: sum('unproved') },
      figures: findings,
      facts: { builds: sum('accepted'), on_buildah: onBuildah?.accepted ?? 0 },
    };
  },
};

/** Runs the attacks on a separate Slipway. The long run uses every door, `runs` times, in an order from the seed. */
async function onEngine(engine: EngineName, list: readonly Attack[], chaos: Chaos): Promise<Result> {
  const { note, quick, logsTo } = chaos;
  const random = seededRandom(String(chaos.seed));
  const wanted = list.filter(({ name }) => chaos.attacks?.includes(name) ?? true);
  const total = { leaks: 0, poisoned: 0, stale: 0, unproved: 0 };
  if (wanted.length === 0) return { ...total, accepted: 0, lost: 0 };
  const stack = await startStack({ engine, builders: 1, workers: 2 });
  try {
    const arena = await openArena(stack);
    note(`a Slipway on ${engine} is ready`);
    for (let run = 0; run < Math.max(1, chaos.runs); run++) {
      const shuffled = wanted.map((attack) => ({ attack, key: random() })).sort((a, b) => a.key - b.key);
      for (const [at, { attack }] of shuffled.entries()) {
        for (const door of quick ? [doors[(at + run) % doors.length] ?? 'job'] : doors) {
          const found = {
            leaks: 0,
            poisoned: 0,
            stale: 0,
            unproved: 0,
            ...(await attack.run({ arena, door })),
          };
          note(`${attack.name} by ${door} on ${engine}: ${pairs(found).join(' ')}`);
          for (const field of ['leaks', 'poisoned', 'stale', 'unproved'] as const)
            total[field] += found[field];
        }
      }
    }
    return { ...total, ...arena.counts() };
  } finally {
    if (logsTo !== undefined) await cp(join(stack.folder, 'logs'), join(logsTo, engine), { recursive: true });
    await stack.stop();
  }
}
