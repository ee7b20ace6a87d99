import { z } from 'zod';
import { reportedEngines, sharedMachineEngines } from './engines.js';
import { builderFeatures } from './function-builder.js';
import { idSchema } from './ids.js';
import { platformSchema, poolNameSchema } from './pool.js';

export const replicaIdSchema = idSchema('rep');

/** The engine that a replica reported. */
export const replicaEngineSchema = z.enum([...reportedEngines, 'unreported', 'unknown']);
export type ReplicaEngine = z.infer<typeof replicaEngineSchema>;

/** The readiness of a replica for a build. */
export const replicaReadinessSchema = z.enum(['ready', 'full', 'broken', 'draining', 'unknown']);
export type ReplicaReadiness = z.infer<typeof replicaReadinessSchema>;

const circuitSchema = z.enum(['closed', 'open', 'probing']).meta({ id: 'CircuitState' });

/** A replica as the API shows it. */
export const builderSchema = z
  .object({
    id: replicaIdSchema,
    url: z.string(),
    name: z.string().optional().describe('The name of its pod; only for replicas that Kubernetes names'),
    node: z.string().optional().describe('The machine of its pod'),
    pool: poolNameSchema,
    platforms: z.array(platformSchema).describe('Platforms that the replica builds; none means any'),
    health: z.enum(['up', 'down', 'unknown']),
    readiness: replicaReadinessSchema.describe(
      'full: all its slots are in use; broken: it answers, but cannot build, for example because its engine is dead; ' +
        'draining: it is shutting down. A broken or draining replica gets no builds, and only broken is a fault; unknown: no worker has asked it recently',
    ),
    readiness_reason: z
      .string()
      .optional()
      .describe('The reason that the replica reports for not being ready'),
    engine: replicaEngineSchema.describe(
      `${sharedMachineEngines.join(', ')}: it builds only for the default tenant; ` +
        'unreported: it answers without an engine name, as other builders do; ' +
        'unknown: no worker has asked it yet, or it names an unknown engine. Until then it builds only for the default tenant',
    ),
    features: z
      .array(z.enum(builderFeatures))
      .optional()
      .describe(
        'What it reported that it can do; build-options: it gets jobs with `dockerfile`, `target`, `tags`, `image_labels`, `annotations`, `no_cache` or `pull`; attachable-builds: its builds go on when their worker is gone, and another worker continues them. Absent while unknown',
      ),
    circuit: circuitSchema.describe('open: it gets no builds for some time after repeated faults'),
    draining: z.boolean().describe('The replica finishes its builds and gets no new ones'),
    configured_limit: z.int().optional().describe("The operator's limit of concurrent builds"),
    limit: z.int().describe('The limit of concurrent builds, configured or learned'),
    in_flight: z.int(),
    builds: z.int().describe('Builds that ended on the replica'),
    refusals: z.int().describe('429 answers'),
    faults: z
      .int()
      .describe(
        'Calls that did not reach the replica, broke off, got an unreadable answer, or ended with a fault of its engine',
      ),
  })
  .meta({ id: 'Builder' });

export const queueSchema = z
  .object({
    pools: z.array(
      z
        .object({
          name: z.string(),
          queued: z.int(),
          running: z.int(),
          platforms: z
            .array(platformSchema)
            .describe('Platforms that the replicas of the pool build; none means any'),
          capacity: z.int().describe('The current limit of concurrent builds of the pool'),
          oldest_wait_ms: z.int().describe('Milliseconds since the oldest waiting job was submitted'),
          mean_build_ms: z.int().optional(),
          estimated_ms: z
            .int()
            .optional()
            .describe('Milliseconds until all waiting jobs are built; absent without an estimate'),
        })
        .meta({ id: 'QueuePool' }),
    ),
    registries: z
      .array(
        z
          .object({
            registry: z.string().describe('The host of the registry'),
            circuit: circuitSchema.describe(
              'open: the registry does not answer, and builds that push to it wait; probing: one build tests it; closed: it answers, and waiting builds are released',
            ),
            waiting: z.int().describe('Jobs that wait for the registry'),
            faults: z.int().describe('Consecutive faults'),
            since: z.iso.datetime().describe('The time at which the circuit opened'),
          })
          .meta({ id: 'QueueRegistry' }),
      )
      .describe('Registries that jobs wait for, up to 50. A tenant sees only registries that it may push to'),
    held: z
      .object({
        reason: z
          .enum(['restored', 'operator'])
          .describe('`restored`: Redis has gone back in time, probably because a backup was restored'),
        since: z.iso.datetime(),
        redis_at: z.iso.datetime().optional().describe('The time of the restored data, if it is known'),
        known_at: z.iso
          .datetime()
          .optional()
          .describe('The newest time that is known: jobs that were created before it may have run since'),
      })
      .meta({ id: 'QueueHold' })
      .optional()
      .describe('Present while no job starts'),
  })
  .meta({ id: 'Queue' });
