import { randomUUID } from 'node:crypto';
import { type BatchOptions, type JobSpec, jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { type Redis, redisKeys } from '@slipway/shared/redis';
import { expect } from 'vitest';
import { BatchStore, JobStore } from '../jobs/index.js';
import { RecordedQueue } from '../jobs/testing.js';
import { CampaignStore } from './campaign-store.js';

const tenant = { name: 'team', weight: 1 };
export const digestOf = (letter: string) => `sha256:${letter.repeat(64)}`;
/** The digest of every function before its campaign. */
export const digestBefore = digestOf('b');

interface Made {
  readonly id: string;
  readonly batches: readonly string[];
  /** Jobs by wave. */
  readonly jobs: readonly (readonly string[])[];
}

interface Changes {
  readonly id?: string;
  readonly bases?: readonly string[];
  readonly maxFailures?: number;
  readonly options?: Partial<BatchOptions>;
  readonly maxStoredBytes?: number;
  /** Images that other jobs build too. */
  readonly image?: (place: number) => string;
}

/** Returns stores with their own keys, and the jobs that were released to the queue. */
export function campaignStores(redis: Redis) {
  const keys = redisKeys(`test-${randomUUID()}`);
  const dispatch = new RecordedQueue();
  const store = new JobStore({ redis, keys, dispatch });
  const batches = new BatchStore({ redis, keys, dispatch });
  const campaigns = new CampaignStore({ redis, keys, dispatch });
  const spec = (image: string): JobSpec =>
    jobSpecSchema.parse({ image: `r.example/${image}:1`, source: { digest: digestOf('a') } });
  const token = new Map<string, string>();

  /** Writes the drafts of a campaign. */
  const drafted = async (sizes: readonly number[], changes: Changes = {}) => {
    const { id = newId('campaign'), image = (place) => `${id}-${place}`, options } = changes;
    const made: string[] = [];
    const jobs: string[][] = [];
    let place = 0;
    for (const size of sizes) {
      const batch = newId('batch');
      const open = { on_failure: 'continue' as const, labels: {}, ...options };
      await batches.open(batch, { tenant, total: size, options: open, campaign: id });
      const ids = [];
      for (let at = 0; at < size; at++, place++) {
        const job = newId('job');
        await store.create(job, spec(image(place)), { tenant, batch });
        ids.push(job);
      }
      made.push(batch);
      jobs.push(ids);
    }
    return { id, batches: made, jobs, sizes } as Made & { readonly sizes: readonly number[] };
  };
  const accept = (made: Awaited<ReturnType<typeof drafted>>, changes: Changes = {}) =>
    campaigns.accept(made.id, {
      ...{ tenant: tenant.name, batches: made.batches, sizes: made.sizes, bases: changes.bases ?? [] },
      options: { waves: { size: 1 }, labels: {}, only_changed: false },
      maxFailures: changes.maxFailures ?? 0,
      maxStoredBytes: changes.maxStoredBytes,
      functions: made.jobs.flat().map((job, at) => ({
        function: `dev/f-${at}`,
        job,
        image: 'x',
        reasons: ['named'],
        built: true,
        before: digestBefore,
      })),
    });
  const accepted = async (sizes: readonly number[], changes: Changes = {}): Promise<Made> => {
    const made = await drafted(sizes, changes);
    await accept(made, changes);
    return made;
  };
  const start = async (job: string) => {
    const held = randomUUID();
    const reply = await store.start(job, {
      token: held,
      worker: 'w',
      replica: 'http://b',
      takesSuspects: true,
    });
    if (reply.outcome === 'started') token.set(job, held);
    return reply.outcome;
  };
  return {
    ...{ keys, store, batches, campaigns, dispatch, drafted, accept, accepted, start, spec, tenant },
    async succeed(job: string, digest = digestOf('c')) {
      if (!token.has(job)) expect(await start(job)).toBe('started');
      const result = { image: 'x', digest, duration_ms: 5 };
      expect(await store.finish(job, token.get(job) ?? '', { state: 'succeeded', result })).toBe(true);
    },
    async fail(job: string) {
      if (!token.has(job)) expect(await start(job)).toBe('started');
      const error = { code: 'build_failed' as const, detail: 'no', log_tail: [] };
      expect(await store.finish(job, token.get(job) ?? '', { state: 'failed', error })).toBe(true);
    },
    /** Ends a wave as the leader does. */
    async leave(id: string, wave: number, size: number) {
      const record = await campaigns.get(id);
      const first = record?.sizes.slice(0, wave - 1).reduce((sum, each) => sum + each, 0) ?? 0;
      const results = Array.from({ length: size }, () => ({ state: 'changed' as const }));
      const recorded = await campaigns.recordResults(id, { wave, first, results });
      return [recorded, await campaigns.advance(id, wave)];
    },
    waiting: async (jobs: readonly string[]) => {
      const states = await Promise.all(jobs.map((job) => redis.hget(keys.job(job), 'parked')));
      return jobs.filter((_job, at) => states[at] === 'batch');
    },
  };
}
