import { z } from 'zod';
import { replicaIdSchema } from './fleet.js';

/** The maximum length of the series, in minutes. */
export const maxStatsMinutes = 1440;

const count = z.int().min(0);
const quantile = z.int().min(0).optional();

const poolPointSchema = z
  .object({
    succeeded: count.describe('Jobs that succeeded'),
    failed: count,
    canceled: count,
    queued_mean: z
      .number()
      .min(0)
      .optional()
      .describe('Waiting jobs, on average over the point. Absent if not measured'),
    started: count.describe('Attempts started'),
    wait_p50_ms: quantile.describe('Waiting time of the jobs whose attempts started. Absent if none started'),
    wait_p95_ms: quantile,
    builds: count.describe('Builds that succeeded'),
    build_mean_ms: quantile.describe('Duration of the successful builds. Absent if there were none'),
    build_p50_ms: quantile,
    build_p95_ms: quantile,
  })
  .meta({ id: 'PoolPoint' });

const replicaPointSchema = z
  .object({
    builds: count.describe('Ended builds, successful or not'),
    failures: count.describe('Ended builds that did not succeed'),
    refusals: count.describe('429 answers'),
    faults: count.describe('Calls that did not reach the replica, broke off or got an unreadable answer'),
    placed: count.describe(
      'Builds placed here for which the last replica of the same function or image is known',
    ),
    placed_home: count.describe(
      'Builds of `placed` whose last replica was this one, so that it should still have their layers. The real content of its cache is unknown',
    ),
  })
  .meta({ id: 'ReplicaPoint' });

export const statsSchema = z
  .object({
    step_seconds: z.int().describe('The length of each point. The last one is not complete yet'),
    times: z.array(z.iso.datetime()).describe('The start of each point, oldest first'),
    pools: z
      .array(
        z
          .object({
            name: z.string(),
            points: z.array(poolPointSchema).describe('One point for each of `times`'),
          })
          .meta({ id: 'PoolSeries' }),
      )
      .describe('Pools that have replicas now, or data in that time'),
    replicas: z
      .array(
        z
          .object({
            id: replicaIdSchema,
            url: z.string().optional().describe('Absent if no worker names the replica any more'),
            pool: z.string().optional(),
            points: z.array(replicaPointSchema).describe('One point for each of `times`'),
          })
          .meta({ id: 'ReplicaSeries' }),
      )
      .optional()
      .describe('Only for tokens with the scope builders:read'),
  })
  .meta({ id: 'Stats' });

export type Stats = z.output<typeof statsSchema>;
export type PoolPoint = z.output<typeof poolPointSchema>;
export type ReplicaPoint = z.output<typeof replicaPointSchema>;
