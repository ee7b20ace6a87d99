import { z } from 'zod';
import { replicaIdSchema } from './fleet.js';

/** How far back the series go, in minutes. */
export const maxStatsMinutes = 1440;

const count = z.int().min(0);
const quantile = z.int().min(0).optional();

const poolPointSchema = z
  .object({
    succeeded: count.describe('Jobs that ended so'),
    failed: count,
    canceled: count,
    queued_mean: z
      .number()
      .min(0)
      .optional()
      .describe('Jobs that waited, on average over the point. Absent where it was not measured'),
    started: count.describe('Attempts begun'),
    wait_p50_ms: quantile.describe(
      'Of the attempts begun: how long each job had waited. Absent where none began',
    ),
    wait_p95_ms: quantile,
    builds: count.describe('Builds that succeeded'),
    build_mean_ms: quantile.describe('Of the builds that succeeded. Absent where none did'),
    build_p50_ms: quantile,
    build_p95_ms: quantile,
  })
  .meta({ id: 'PoolPoint' });

const replicaPointSchema = z
  .object({
    builds: count.describe('Builds that it has ended, whether they succeeded or not'),
    failures: count.describe('Those of them that did not succeed'),
    refusals: count.describe('429 answers'),
    faults: count.describe('Calls that did not reach it, broke off or ended in nonsense'),
    placed: count.describe(
      'Builds placed here of which it is known who built the same function or image last',
    ),
    placed_home: count.describe(
      'Those of them that this replica had built last, so that it should still have their layers. What its cache really held is not known',
    ),
  })
  .meta({ id: 'ReplicaPoint' });

export const statsSchema = z
  .object({
    step_seconds: z.int().describe('How long each point is. The last one is not over yet'),
    times: z.array(z.iso.datetime()).describe('When each point begins, oldest first'),
    pools: z
      .array(
        z
          .object({ name: z.string(), points: z.array(poolPointSchema).describe('One for each of `times`') })
          .meta({ id: 'PoolSeries' }),
      )
      .describe('Pools that replicas belong to now, or of which something is known in that time'),
    replicas: z
      .array(
        z
          .object({
            id: replicaIdSchema,
            url: z.string().optional().describe('Absent for one that no worker names any more'),
            pool: z.string().optional(),
            points: z.array(replicaPointSchema).describe('One for each of `times`'),
          })
          .meta({ id: 'ReplicaSeries' }),
      )
      .optional()
      .describe('For tokens with the scope builders:read'),
  })
  .meta({ id: 'Stats' });

export type Stats = z.output<typeof statsSchema>;
export type PoolPoint = z.output<typeof poolPointSchema>;
export type ReplicaPoint = z.output<typeof replicaPointSchema>;
