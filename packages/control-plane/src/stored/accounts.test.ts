import { randomUUID } from 'node:crypto';
import { type JobSpec, jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { FunctionStore } from '../functions/index.js';
import { BatchStore, cancelStopped, JobStore } from '../jobs/index.js';
import { accountFaults } from './testing.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const digest = `sha256:${'d'.repeat(64)}`;
const tenant = { name: 'team', weight: 1 };
const never = Number.MAX_SAFE_INTEGER;

/** Arguments that all jobs of a batch share. */
const common = {
  build_args: { SHARED: 'é'.repeat(300), OTHER: 'o'.repeat(300) },
  image_labels: { shared: 'é'.repeat(300) },
};
const pools = ['amd', 'arm'].map((pool) => ({ pool, platforms: [`linux/${pool}64`] }));

const create = fc.record({
  kind: fc.constant('create' as const),
  batch: fc.option(fc.nat(1)),
  image: fc.nat(2),
  fn: fc.option(fc.constantFrom('one', 'two')),
  args: fc.constantFrom<JobSpec['build_args']>(
    {},
    common.build_args,
    { ...common.build_args, OWN: 'x' },
    { ...common.build_args, OWN: 'y'.repeat(400), OTHER: 'z' },
    { ALONE: 'a'.repeat(500) },
  ),
  labels: fc.constantFrom<JobSpec['labels']>({}, { large: 'l'.repeat(128), larger: 'm'.repeat(128), k: 'v' }),
  parts: fc.boolean(),
  reuse: fc.constantFrom('share', 'skip', 'force'),
});
const other = fc.record({
  kind: fc.constantFrom(
    ...([
      'start',
      'start',
      'start',
      'succeed',
      'succeed',
      'fail',
      'failSilently',
      'retry',
      'lose',
      'cancel',
    ] as const),
    ...(['remove', 'remove', 'commit', 'giveUp', 'stop', 'forget', 'say'] as const),
  ),
  at: fc.nat(11),
});
type Step =
  typeof create extends fc.Arbitrary<infer C>
    ? C | (typeof other extends fc.Arbitrary<infer O> ? O : never)
    : never;

const smallLog = { text: 'line é\n'.repeat(9), store: async () => undefined };

class World {
  readonly keys = redisKeys(`accounts-${randomUUID()}`);
  readonly #options = { redis, keys: this.keys };
  readonly store = new JobStore(this.#options);
  readonly batchStore = new BatchStore(this.#options);
  readonly functions = new FunctionStore(this.#options);
  readonly batches = [newId('batch'), newId('batch')];
  readonly tokens = new Map<string, string>();

  async open(): Promise<void> {
    for (const id of this.batches) {
      const options = { on_failure: 'stop' as const, labels: {} };
      await this.batchStore.open(id, { tenant, total: 100, options, bytes: 9_000 });
    }
  }

  async jobs(): Promise<string[]> {
    return (await redis.zrange(this.keys.index('tenant:team'), '0', '-1')).toSorted();
  }

  async perform(step: Step): Promise<void> {
    if (step.kind === 'create') return await this.#create(step);
    const ids = await this.jobs();
    const id = ids[step.at % Math.max(ids.length, 1)] ?? '';
    const batch = this.batches[step.at % 2] ?? '';
    const name = `openfaas-fn/${step.at % 2 === 0 ? 'one' : 'two'}`;
    const token = this.tokens.get(id) ?? 'none';
    const log_tail = Array.from({ length: 50 }, (_line, at) => `${at} 🙂`.repeat(3));
    const failed = (tail: string[]) =>
      this.store.finish(id, token, {
        state: 'failed',
        error: { code: 'build_failed', detail: 'why', log_tail: tail },
      });
    switch (step.kind) {
      case 'start':
        return await this.#start(id);
      case 'succeed': {
        const result = { image: 'r.example/a:1', digest, duration_ms: 5 };
        await this.store.finish(id, token, {
          state: 'succeeded',
          result,
          baseImages: ['docker.io/library/x:1'],
          bases: [{ reference: 'docker.io/library/x:1', digest }].slice(step.at % 2),
          log: smallLog,
        });
        return;
      }
      case 'fail':
        await failed(log_tail);
        return;
      case 'failSilently':
        await failed([]);
        return;
      case 'retry':
      case 'lose': {
        const why = { code: 'builder_lost' as const, detail: 'gone', delayMs: 0, died: step.kind === 'lose' };
        await this.store.requeue(id, token, { ...why, spent: step.at % 2 === 0, log: smallLog });
        return;
      }
      case 'cancel':
        await this.store.cancel(id);
        return;
      case 'remove': {
        const record = await this.store.get(id);
        if (record) await this.store.remove(record, never);
        return;
      }
      case 'commit':
        await redis.hset(
          this.keys.batch(batch),
          'total',
          await redis.zcard(this.keys.index(`batch:${batch}`)),
        );
        await this.batchStore.commit(batch);
        return;
      case 'giveUp':
        await this.batchStore.giveUp(batch);
        return;
      case 'stop':
        await this.batchStore.stop(batch);
        await this.sweep(batch);
        return;
      case 'forget':
        await this.functions.remove(tenant.name, name);
        return;
      case 'say':
        await this.functions.put(
          tenant.name,
          name,
          specOf({ image: 0, args: common.build_args, labels: {} }),
        );
        return;
    }
  }

  async sweep(id: string): Promise<void> {
    await cancelStopped({ id, batches: this.batchStore, store: this.store });
  }

  async #start(id: string): Promise<void> {
    const token = randomUUID();
    const reply = await this.store.start(id, {
      token,
      worker: 'w',
      replica: 'http://b',
      takesSuspects: true,
    });
    if (reply.outcome === 'started') this.tokens.set(id, token);
  }

  async #create(step: Extract<Step, { kind: 'create' }>): Promise<void> {
    const { batch, reuse, parts } = step;
    const spec = specOf({ ...step, reuse });
    const options = { tenant, ...(parts && { parts: pools }), bases: common };
    await this.store
      .create(newId('job'), spec, { ...options, batch: batch === null ? undefined : this.batches[batch] })
      .catch((error: unknown) => expect(error).toMatchObject({ code: 'batch_closed' }));
  }
}

function specOf(from: {
  image: number;
  args: JobSpec['build_args'];
  labels: JobSpec['labels'];
  fn?: string | null;
  reuse?: string;
}): JobSpec {
  return jobSpecSchema.parse({
    ...{
      image: `r.example/i${from.image}:1`,
      source: { digest },
      build_args: from.args,
      labels: from.labels,
      // As large as the arguments, so that some of them are stored separately.
      image_labels: { ...common.image_labels, own: from.labels.large ?? '' },
      tags: [`r.example/i${from.image}:${'t'.repeat(from.image * 60 + 1)}`],
    },
    ...(from.fn && { function: from.fn }),
    force: from.reuse === 'force',
    skip_if_unchanged: from.reuse === 'skip',
    vcs: { repo: `team/${'r'.repeat(200)}`, sha: 'a'.repeat(40) },
  });
}

it('the account equals the charges of all records, and no shared value leaks or dangles, in any interleaving', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 2, arbitrary: create }, { weight: 5, arbitrary: other }), {
        maxLength: 50,
        size: 'max',
      }),
      async (steps) => {
        const world = new World();
        await world.open();
        for (const step of steps) {
          await world.perform(step);
          expect(await accountFaults({ redis, keys: world.keys })).toEqual([]);
        }
        for (const id of await world.jobs()) expect(await world.store.get(id)).toBeDefined();
        for (const id of world.batches) {
          await world.batchStore.stop(id);
          await world.sweep(id);
        }
        for (let round = 0; (await world.jobs()).length > 0 && round < 20; round++) {
          for (const id of await world.jobs()) {
            await world.store.cancel(id);
            const token = world.tokens.get(id) ?? 'none';
            const error = { code: 'canceled' as const, detail: '', log_tail: [] };
            await world.store.finish(id, token, { state: 'canceled', error });
            const record = await world.store.get(id);
            if (record) await world.store.remove(record, never);
          }
        }
        expect(await world.jobs()).toEqual([]);
        for (const name of ['one', 'two']) await world.functions.remove(tenant.name, `openfaas-fn/${name}`);
        expect(await accountFaults({ redis, keys: world.keys })).toEqual([]);
        expect(await redis.keys(`*${world.keys.base.slice(1, -2)}*shared:*`)).toEqual([]);
        // The remaining keys expire automatically.
        const account = await redis.hgetall(world.keys.stored(tenant.name));
        const due = Object.entries(account).filter(([field]) => field.startsWith('due:'));
        const left = due.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
        expect(Number(account.bytes ?? 0)).toBe(left);
      },
    ),
    { numRuns: 20 },
  );
});
