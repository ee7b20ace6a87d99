import {
  type Hold,
  type HoldState,
  type JobStore,
  type RegistryState,
  registryOfImage,
} from '@slipway/control-plane/jobs';
import {
  addressOf,
  fleetCapacity,
  type PoolRegistry,
  type PoolState,
  type ReplicaRegistry,
  type ReplicaState,
} from '@slipway/control-plane/replicas';
import { builderSchema, defaultPool, queueSchema, replicaIdSchema } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { z } from 'zod';
import { accountOf } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { usesPool } from '../tenants/account.js';

interface FleetDeps {
  readonly replicas: Pick<ReplicaRegistry, 'list' | 'setDraining'>;
  readonly declared: Pick<PoolRegistry, 'list'>;
  readonly store: Pick<JobStore, 'queue' | 'cancel'>;
  readonly hold: Hold;
  readonly registries: () => Promise<readonly RegistryState[]>;
}

const releasedSchema = z
  .object({ canceled: z.int().describe('The number of jobs that were canceled') })
  .meta({ id: 'QueueReleased' });

const builderListSchema = z.object({ builders: z.array(builderSchema) }).meta({ id: 'BuilderList' });

export function fleetEndpoints({ replicas, declared, store, registries, hold }: FleetDeps): Endpoint[] {
  return [
    endpoint(
      {
        id: 'listBuilders',
        method: 'get',
        path: '/v1/builders',
        scope: 'builders:read',
        tag: 'Fleet',
        summary: 'The replicas: health, limit, running builds, circuit',
        answers: {
          200: {
            description: 'All replicas',
            content: { 'application/json': builderListSchema },
          },
        },
        errors: [],
      },
      async ({ res }) => {
        res.json({ builders: (await replicas.list()).map(show) });
      },
    ),
    drainEndpoint('drain', 'Drain a replica: running builds finish, no new builds start', replicas),
    drainEndpoint('resume', 'Resume a drained replica', replicas),
    endpoint(
      {
        id: 'getQueue',
        method: 'get',
        path: '/v1/queue',
        scope: 'jobs:read',
        tag: 'Fleet',
        summary: 'The waiting jobs, their age and the expected wait',
        answers: {
          200: { description: 'The queue of each pool', content: { 'application/json': queueSchema } },
        },
        errors: [],
      },
      async ({ res }) => {
        const [pools, list, waited, held] = await Promise.all([
          declared.list(),
          replicas.list(),
          registries(),
          hold.get(),
        ]);
        // Jobs go to the default pool while no replica is known.
        const all = pools.length > 0 ? pools : [{ name: defaultPool, platforms: [] }];
        const seen = all.filter(({ name }) => usesPool(accountOf(res), name));
        const { images } = accountOf(res).settings;
        const hosts = new Set(images.map(registryOfImage));
        res.json({
          pools: await Promise.all(seen.map((pool) => showPool(pool, list, store))),
          registries: waited
            .filter(({ registry }) => images.includes('*') || hosts.has(registry))
            .map(({ since, ...state }) => ({ ...state, since: new Date(since).toISOString() })),
          ...(held && { held: showHold(held) }),
        });
      },
    ),
    endpoint(
      {
        id: 'holdQueue',
        method: 'post',
        path: '/v1/queue/hold',
        scope: 'admin',
        tag: 'Fleet',
        summary: 'Hold all jobs: running builds finish, no new builds start',
        answers: { 204: { description: 'Jobs are held' } },
        errors: [],
      },
      async ({ res }) => {
        await hold.begin();
        res.status(204).end();
      },
    ),
    endpoint(
      {
        id: 'releaseQueue',
        method: 'post',
        path: '/v1/queue/release',
        scope: 'admin',
        tag: 'Fleet',
        summary: 'Release held jobs, or cancel jobs that may have run since a backup',
        body: z
          .strictObject({
            jobs: z
              .enum(['run', 'cancel'])
              .describe(
                '`cancel`: first cancels the jobs that were created before `known_at`, or before the hold of an operator',
              ),
          })
          .meta({ id: 'QueueRelease' }),
        answers: {
          200: { description: 'Jobs start again', content: { 'application/json': releasedSchema } },
        },
        errors: ['jobs_not_held'],
      },
      async ({ body: { jobs }, res }) => {
        const held = await hold.get();
        if (!held) throw new SlipwayError('jobs_not_held');
        const before = held.knownAt ?? held.since;
        const canceled = jobs === 'cancel' ? await hold.cancelBefore(before, store) : 0;
        await hold.release();
        res.json({ canceled });
      },
    ),
  ];
}

function showHold({ reason, since, redisAt, knownAt }: HoldState) {
  const time = (ms: number) => new Date(ms).toISOString();
  return {
    reason,
    since: time(since),
    ...(redisAt !== undefined && { redis_at: time(redisAt) }),
    ...(knownAt !== undefined && { known_at: time(knownAt) }),
  };
}

async function showPool(
  { name, platforms }: PoolState,
  replicas: readonly ReplicaState[],
  store: FleetDeps['store'],
) {
  const { queued, running, oldestWaitMs, meanBuildMs } = await store.queue(name);
  const capacity = fleetCapacity(replicas.filter(({ pool }) => pool === name));
  const known = meanBuildMs !== undefined && capacity > 0;
  return {
    name,
    queued,
    running,
    platforms,
    capacity,
    oldest_wait_ms: oldestWaitMs,
    ...(meanBuildMs !== undefined && { mean_build_ms: Math.round(meanBuildMs) }),
    ...(known && { estimated_ms: Math.round(((queued + running / 2) * meanBuildMs) / capacity) }),
  };
}

function drainEndpoint(verb: 'drain' | 'resume', summary: string, replicas: FleetDeps['replicas']): Endpoint {
  return endpoint(
    {
      id: `${verb}Builder`,
      method: 'post',
      path: `/v1/builders/{id}/${verb}`,
      scope: 'builders:admin',
      tag: 'Fleet',
      summary,
      params: z.object({ id: replicaIdSchema }),
      answers: { 200: { description: 'The replica', content: { 'application/json': builderSchema } } },
      errors: ['not_found'],
    },
    async ({ params: { id }, res }) => {
      const there = await replicas.setDraining(id, verb === 'drain');
      const state = (await replicas.list()).find((replica) => replica.id === id);
      if (!there || !state) throw new SlipwayError('not_found', `There is no builder ${id}.`);
      res.json(show(state));
    },
  );
}

const show = ({ configured, inFlight, readinessReason, url, name, node, ...state }: ReplicaState) => ({
  ...state,
  url: addressOf(url),
  ...(name !== undefined && { name }),
  ...(node !== undefined && { node }),
  ...(configured !== undefined && { configured_limit: configured }),
  ...(readinessReason !== undefined && { readiness_reason: readinessReason }),
  in_flight: inFlight,
});
