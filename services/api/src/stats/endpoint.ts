import type { ReplicaRegistry, ReplicaState } from '@slipway/control-plane/replicas';
import {
  emptyPoolPoint,
  emptyReplicaPoint,
  type Series,
  type StatsStore,
} from '@slipway/control-plane/stats';
import { defaultPool, maxStatsMinutes, type Stats, statsSchema } from '@slipway/shared/contracts';
import { z } from 'zod';
import { accountOf, allows, principalOf } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { usesPool } from '../tenants/account.js';

interface StatsDeps {
  /** Returns Redis' time in milliseconds. */
  readonly now: () => number;
  readonly stats: Pick<StatsStore, 'read'>;
  readonly replicas: Pick<ReplicaRegistry, 'list'>;
}

const statsQuerySchema = z.strictObject({
  minutes: z.coerce
    .number()
    .int()
    .min(1)
    .max(maxStatsMinutes)
    .default(60)
    .describe('Length of the period; beyond 120 a point covers several minutes'),
});

export function statsEndpoint({ stats, replicas, now }: StatsDeps): Endpoint {
  return endpoint(
    {
      id: 'getStats',
      method: 'get',
      path: '/v1/stats',
      scope: 'jobs:read',
      tag: 'Fleet',
      summary: 'Statistics of pools and replicas, minute by minute',
      description:
        'Counted by the workers and written every two seconds: good for charts, not for billing. A worker that is killed loses its unwritten counts.',
      query: statsQuerySchema,
      answers: {
        200: { description: 'The series', content: { 'application/json': statsSchema } },
      },
      errors: ['request_invalid'],
    },
    async ({ query: { minutes }, res }) => {
      const [series, list] = await Promise.all([stats.read(minutes, now()), replicas.list()]);
      const seesReplicas = allows(principalOf(res).scopes, 'builders:read');
      res.json({
        step_seconds: series.step * 60,
        times: series.times.map((ms) => new Date(ms).toISOString()),
        pools: poolsOf(series, list).filter(({ name }) => usesPool(accountOf(res), name)),
        ...(seesReplicas && { replicas: replicasOf(series, list) }),
      } satisfies Stats);
    },
  );
}

function poolsOf({ pools, times }: Series, list: readonly ReplicaState[]): Stats['pools'] {
  const known = new Set([...list.map(({ pool }) => pool), ...pools.keys()]);
  if (known.size === 0) known.add(defaultPool);
  return [...known]
    .sort()
    .map((name) => ({ name, points: [...(pools.get(name) ?? times.map(emptyPoolPoint))] }));
}

function replicasOf(
  { replicas, times }: Series,
  list: readonly ReplicaState[],
): NonNullable<Stats['replicas']> {
  const there = new Map(list.map((state) => [state.id, state]));
  return [...new Set([...there.keys(), ...replicas.keys()])].map((id) => {
    const state = there.get(id);
    return {
      id,
      ...(state && { url: state.url, pool: state.pool }),
      points: [...(replicas.get(id) ?? times.map(emptyReplicaPoint))],
    };
  });
}
