import { z } from 'zod';
import { builderFeatures, engineNames } from './function-builder.js';
import { platformSchema, poolNameSchema } from './pool.js';

export const replicaIdSchema = z
  .string()
  .regex(/^rep_[0-9a-f]{12}$/, 'must be rep_ and 12 hexadecimal digits');

/** What a replica reported as its engine. */
export const replicaEngineSchema = z.enum([...engineNames, 'unreported', 'unknown']);
export type ReplicaEngine = z.infer<typeof replicaEngineSchema>;

/** How ready a replica is for a build. */
export const replicaReadinessSchema = z.enum(['ready', 'full', 'broken', 'draining', 'unknown']);
export type ReplicaReadiness = z.infer<typeof replicaReadinessSchema>;

const circuitSchema = z.enum(['closed', 'open', 'probing']).meta({ id: 'CircuitState' });

/** A replica as the API shows it. */
export const builderSchema = z
  .object({
    id: replicaIdSchema,
    url: z.string(),
    pool: poolNameSchema,
    platforms: z.array(platformSchema).describe('What it builds; none means any'),
    health: z.enum(['up', 'down', 'unknown']),
    readiness: replicaReadinessSchema.describe(
      'full: it has as many builds as it takes; broken: it answers, but cannot build, for example because its engine is dead; ' +
        'draining: it is shutting down. A broken or draining replica gets no builds, and only broken is a fault; unknown: no worker asked lately',
    ),
    readiness_reason: z.string().optional().describe('Why it is not ready, in its own words'),
    engine: replicaEngineSchema.describe(
      'buildah: it builds for the tenant default alone; unreported: it answers and names none, as builders of others; ' +
        'unknown: it was not asked yet, or names one that is not known. It builds for the tenant default alone until then',
    ),
    features: z
      .array(z.enum(builderFeatures))
      .optional()
      .describe(
        'What it reported that it can do; build-options: it gets jobs with `dockerfile`, `target`, `tags`, `image_labels`, `annotations`, `no_cache` or `pull`. Absent while unknown',
      ),
    circuit: circuitSchema.describe('open: it gets no builds for a while after repeated faults'),
    draining: z.boolean().describe('It finishes what it has and gets no more'),
    configured_limit: z.int().optional().describe('Builds at once that the operator allows'),
    limit: z.int().describe('Builds at once that it is given, configured or learned'),
    in_flight: z.int(),
    builds: z.int().describe('Builds it has ended'),
    refusals: z.int().describe('429 answers'),
    faults: z
      .int()
      .describe('Calls that did not reach it, broke off, ended in nonsense or in a fault of its engine'),
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
          platforms: z.array(platformSchema).describe('What its replicas build; none means any'),
          capacity: z.int().describe('Builds that its replicas take at once now'),
          oldest_wait_ms: z.int().describe('Since the oldest waiting job was submitted'),
          mean_build_ms: z.int().optional(),
          estimated_ms: z
            .int()
            .optional()
            .describe('Until what waits now has been built; absent while nothing is known'),
        })
        .meta({ id: 'QueuePool' }),
    ),
    registries: z
      .array(
        z
          .object({
            registry: z.string().describe('Its host'),
            circuit: circuitSchema.describe(
              'open: it does not answer, and builds that push to it wait; probing: one build finds out; closed: it answers, and what waited is released',
            ),
            waiting: z.int().describe('Jobs that wait for it'),
            faults: z.int().describe('In a row'),
            since: z.iso.datetime().describe('When the circuit opened'),
          })
          .meta({ id: 'QueueRegistry' }),
      )
      .describe('Registries that jobs wait for, of those that the tenant may push to; 50 at most'),
  })
  .meta({ id: 'Queue' });
