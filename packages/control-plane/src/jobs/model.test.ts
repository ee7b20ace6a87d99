import { randomUUID } from 'node:crypto';
import { isTerminal, jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parseEvents } from '../events/index.js';
import { ReplicaRegistry } from '../replicas/index.js';
import { JobStore } from './job-store.js';
import type { JobRecord } from './record.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const tenant = { name: 'default', weight: 1 };
const source = { digest: `sha256:${'a'.repeat(64)}` };
const result = { image: 'x', duration_ms: 1 };
const error = { code: 'build_failed' as const, detail: '', log_tail: [] };

const kinds = ['admit', 'start', 'place', 'succeed', 'fail', 'retry', 'replace', 'die', 'cancel'] as const;
const takeovers = ['attach', 'hand over'] as const;
type Kind = (typeof kinds)[number] | (typeof takeovers)[number];

/** A step that a process may try at any time, with current, stale and invalid tokens. */
interface Step {
  readonly kind: Kind;
  readonly job: number;
  /** Age of the token: 0 is the newest token of the job, 1 the one before, and so on. */
  readonly token: number;
  readonly takesSuspects: boolean;
  /** The replica keeps a build whose caller is gone. */
  readonly keeps: boolean;
}

/** Steps of every kind, with tokens of every age. */
const anyStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...kinds, ...takeovers),
  job: fc.nat(2),
  token: fc.nat(3),
  takesSuspects: fc.boolean(),
  keeps: fc.boolean(),
});

/** Steps of builds that lose worker after worker and are continued, or begin again because their replica lost them. Few have another end. */
const takeoverStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant<Kind>('attach') },
    { weight: 2, arbitrary: fc.constantFrom<Kind>('start', 'hand over') },
    { weight: 1, arbitrary: fc.constantFrom<Kind>(...kinds) },
  ),
  job: fc.nat(2),
  token: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
  takesSuspects: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
  keeps: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
});

/** Replicas that keep builds, and others. */
const keepers = { first: 'http://keeps', other: 'http://keeps-too' };
const others = { first: 'http://b', other: 'http://c' };

/** The history of a job, seen from outside. */
interface Seen {
  readonly tokens: string[];
  /** Ids of the builds of its attempts. */
  readonly builds: string[];
  /** Workers that were lost over the build of the last attempt, which others continued. */
  continued: number;
  terminal: string | undefined;
}

describe('any interleaving of transitions of jobs, stale tokens included', () => {
  it.each([
    ['of every kind', anyStep],
    ['of builds that are continued', takeoverStep],
  ])(
    '%s ends each job at most once, records nothing for a stale token, and keeps indexes and events consistent',
    async (_which, step) => {
      await fc.assert(
        // The default size makes ten steps at most.
        fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
          const keys = redisKeys(`model-${randomUUID()}`);
          const store = new JobStore({ redis, keys });
          const registry = new ReplicaRegistry({ redis, keys });
          for (const url of Object.values(keepers))
            await registry.setEngine(url, 'buildkit', ['attachable-builds']);
          // Two of the three jobs push to one image.
          const ids = [newId('job'), newId('job'), newId('job')];
          const seen = new Map<string, Seen>(
            ids.map((id) => [id, { tokens: [], builds: [], continued: 0, terminal: undefined }]),
          );
          for (const [at, id] of ids.entries()) {
            const image = at < 2 ? 'r.example/shared:1' : 'r.example/own:1';
            await store.create(id, jobSpecSchema.parse({ image, source, force: true }), { tenant });
          }
          for (const each of steps) await perform(store, ids[each.job] as string, each, seen);
          await check({ store, keys, ids, seen });
        }),
        { numRuns: 40 },
      );
    },
  );
});

async function perform(
  store: JobStore,
  id: string,
  { kind, token: age, takesSuspects, keeps }: Step,
  seen: Map<string, Seen>,
): Promise<void> {
  const known = seen.get(id);
  const before = await store.get(id);
  if (!known || !before) throw new Error('a record is gone');
  const token = known.tokens.at(-1 - age) ?? 'made up';
  const current = before.state === 'running' && age === 0 && known.tokens.length > 0 && token !== 'given up';
  const requeue = (spent: boolean, died = false) =>
    store.requeue(id, token, { code: 'builder_lost', detail: '', spent, delayMs: 0, died });
  switch (kind) {
    case 'admit':
      await store.admit(id);
      break;
    case 'start': {
      const build = randomUUID();
      const replica = (keeps ? keepers : others).first;
      const started = {
        token: `${build}.1`,
        build,
        worker: `w${known.tokens.length}`,
        replica,
        takesSuspects,
      };
      const reply = await store.start(id, started);
      if (reply.outcome !== 'started') break;
      known.continued = 0;
      expectLost(before, reply.record, { handedOver: known.tokens.at(-1) === 'given up' });
      known.tokens.push(started.token);
      known.builds.push(build);
      expect(reply.record.build).toBe(keeps ? build : undefined);
      break;
    }
    case 'place': {
      const build = known.builds.at(-1) ?? 'made up';
      const replica = (keeps ? keepers : others).other;
      const placed = keeps ? 'kept' : 'placed';
      expect(await store.place(id, token, { replica, build })).toBe(current ? placed : 'stale');
      if (current) expect((await store.get(id))?.build).toBe(keeps ? build : undefined);
      break;
    }
    case 'attach': {
      // An older build than the last one has ended, whatever its replica says.
      const build = known.builds.at(-1 - age) ?? 'made up';
      const next = `${build}.${known.tokens.length + 1}`;
      const attaching = { build, token: next, worker: `w${known.tokens.length}`, takesSuspects };
      const { outcome } = await store.attach(id, attaching);
      expect(outcome).toBe(attachOutcome(before, { build, takesSuspects, known }));
      const isDeath = before.state === 'running' && known.tokens.at(-1) !== 'given up';
      if (isDeath && before.build === build && outcome !== 'wait') known.continued++;
      if (outcome !== 'attached') break;
      known.tokens.push(next);
      expect(build).toBe(before.build);
      const now = await store.get(id);
      const { attempt, spent, lost, state, version, startedAt } = before;
      expect(now).toMatchObject({ attempt, spent, lost, state, version, startedAt, build });
      expect(now?.attempts.at(-1)).toMatchObject({
        started_at: before.attempts.at(-1)?.started_at,
        worker: attaching.worker,
        takeovers: (before.attempts.at(-1)?.takeovers ?? 0) + 1,
      });
      break;
    }
    case 'hand over':
      expect(await store.handOver(id, token)).toBe(current && before.build !== undefined);
      if (current && before.build !== undefined) known.tokens.push('given up');
      break;
    case 'succeed':
      expect(await store.finish(id, token, { state: 'succeeded', result })).toBe(current);
      break;
    case 'fail':
      expect(await store.finish(id, token, { state: 'failed', error })).toBe(current);
      break;
    case 'retry':
    case 'replace':
      expect(await requeue(kind === 'retry')).toBe(current);
      break;
    case 'die':
      // The death that reaches the limit ends the job instead.
      if (!(await requeue(true, true))) expect(current && before.lost === 0).toBe(false);
      break;
    case 'cancel':
      await store.cancel(id);
      break;
    default:
      kind satisfies never;
  }
  const after = await store.get(id);
  if (!after) throw new Error('a record is gone');
  if (known.terminal !== undefined) expect(JSON.stringify(after)).toBe(known.terminal);
  if (isTerminal(after.state)) known.terminal = JSON.stringify(after);
  expect(after.version).toBeGreaterThanOrEqual(before.version);
}

/** Workers that may be lost over one build of a job that is no suspect. */
const maxContinued = 3;

interface Attaching {
  readonly build: string;
  readonly takesSuspects: boolean;
  readonly known: Seen;
}

/** Returns the outcome that an attach must have: of the present build alone, however often, until too many workers were lost over it. */
function attachOutcome(
  { state, build: present, lost }: JobRecord,
  { build, takesSuspects, known }: Attaching,
): string {
  if (isTerminal(state)) return 'terminal';
  if (state !== 'running' || present !== build) return 'stale';
  if (lost > 0 && !takesSuspects) return 'wait';
  const isHandedOver = known.tokens.at(-1) === 'given up';
  const allowed = lost > 0 ? 0 : maxContinued;
  return isHandedOver || known.continued < allowed ? 'attached' : 'stale';
}

/** Expects how the next attempt records the attempt before it, if that still ran: a handover costs nothing, also when the replica was lost meanwhile. */
function expectLost(before: JobRecord, after: JobRecord, { handedOver }: { readonly handedOver: boolean }) {
  if (before.state !== 'running') return;
  const { outcome } = after.attempts.at(-2) ?? {};
  expect(outcome).toBe(handedOver ? 'draining' : 'worker_lost');
  expect(after.spent).toBe(before.spent + (handedOver ? 0 : 1));
  if (handedOver) expect(after.lost).toBe(before.lost);
}

async function check({
  store,
  keys,
  ids,
  seen,
}: {
  store: JobStore;
  keys: ReturnType<typeof redisKeys>;
  ids: readonly string[];
  seen: Map<string, Seen>;
}): Promise<void> {
  const records = await Promise.all(ids.map((id) => store.get(id)));
  const events = parseEvents(await redis.xrange(keys.events, '-', '+')).flatMap((event) =>
    event.kind === 'job' ? event : [],
  );
  for (const record of records) {
    if (!record) throw new Error('a record is gone');
    const own = events.filter(({ jobId }) => jobId === record.id);
    expect(own.map(({ version }) => version)).toEqual(own.map((_event, at) => at + 1));
    expect(own.at(-1)).toMatchObject({ state: record.state, version: record.version });
    expect(own.filter(({ state }) => isTerminal(state))).toHaveLength(isTerminal(record.state) ? 1 : 0);
    for (const state of ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const) {
      const listed = await redis.zscore(keys.index(`state:${state}`), record.id);
      expect(listed !== null).toBe(record.state === state);
      const waitsOrRuns = state === 'queued' || state === 'running';
      const inPool = await redis.zscore(keys.index(`pool:default:${state}`), record.id);
      expect(inPool !== null).toBe(waitsOrRuns && record.state === state);
    }
    const open = record.attempts.filter(({ outcome }) => outcome === undefined);
    expect(open).toHaveLength(record.state === 'running' ? 1 : 0);
    expect(seen.get(record.id)?.builds.length).toBe(record.attempt);
    if (record.state !== 'running') expect(record.build).toBeUndefined();
    if (record.state === 'succeeded') expect(record.result).toEqual(result);
    if (record.state === 'failed' || record.state === 'canceled') expect(record.error).toBeDefined();
  }
  const sharing = records.slice(0, 2).filter((record) => record?.state === 'running');
  expect(sharing.length).toBeLessThanOrEqual(1);
}
