import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplicaRegistry, ReplicaState } from '@slipway/control-plane/replicas';
import { type PublicKey, publicKeySchema } from '@slipway/shared/contracts';
import { untilAborted } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { type Dispatcher, request } from 'undici';
import type { LeaderTask } from '../leader/leader.js';
import type { Replica } from './discovery.js';
import { type ReplicaReport, reportOf } from './report.js';

interface HealthOptions {
  readonly registry: Pick<
    ReplicaRegistry,
    'get' | 'setHealth' | 'setReadiness' | 'setEngine' | 'setPublicKey'
  >;
  readonly discovery: { replicas(): readonly Replica[] };
  readonly dispatcher: Dispatcher;
  readonly logger: Logger;
  /** Milliseconds between two checks of a replica. Default: 2,000. */
  readonly everyMs?: number;
  /** Limit of checks at once. Default: 256. */
  readonly atOnce?: number;
}

/** The memory of the leader about a replica between its checks. */
interface Checked {
  isRunning: boolean;
  failures: number;
  idleChecks: number;
  readonly recorded: Map<'state' | 'engine' | 'key', { readonly value: string; readonly at: number }>;
  instance?: string | undefined;
  askedForKeyAt: number;
}

const timeoutMs = 2_000;
/** Milliseconds until an unchanged finding is recorded again. The shortest of them is valid for 90 s. */
const recordEveryMs = 30_000;
const publicKeyEveryMs = 30_000;
/** Milliseconds until an unchanged public key is recorded again. It does not expire while its replica is announced. */
const keyRecordEveryMs = 300_000;
const maxKeyBytes = 4_096;
/** Failed checks until a replica counts as down. A single failure may be chance. */
const failuresUntilDown = 2;
/** The same for a replica that is not ready, gives no reason and builds nothing: its last build may just have ended. */
const idleChecksUntilBroken = 2;
/** Minimum milliseconds between two starts of checks. Each start begins all checks that are due. */
const stepMs = 20;

/** Returns the key that clients seal build secrets of the replica with. Returns undefined if it has no key, or a bad answer. */
async function publicKeyOf(url: string, dispatcher: Dispatcher): Promise<PublicKey | undefined> {
  const signal = AbortSignal.timeout(timeoutMs);
  const { statusCode, headers, body } = await request(new URL('/publickey', url), { dispatcher, signal });
  if (statusCode !== 200 || Number(headers['content-length'] ?? maxKeyBytes + 1) > maxKeyBytes) {
    await body.dump();
    return undefined;
  }
  const parsed = publicKeySchema.safeParse(await body.json().catch(() => undefined));
  return parsed.success ? parsed.data : undefined;
}

/**
 * Checks all replicas, and notes which are down, how ready the others are, which engine each reports, and what secrets are sealed with for them.
 *
 * The checks are spread over the period, and a limited number runs at once. A replica that does not answer delays the check of no other. A finding is
 * recorded when it changes, and again before it expires. A run lasts as long as this worker leads, so each leader begins by recording all findings.
 *
 * A replica that is not ready and gives no reason is full while Slipway has builds there: replicas of others are not ready while they have as many
 * builds as they take. Without builds it is broken.
 */
export class HealthMonitor implements LeaderTask {
  readonly name = 'health';
  readonly everyMs: number;
  readonly #options: HealthOptions;
  readonly #atOnce: number;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.everyMs = options.everyMs ?? 2_000;
    this.#atOnce = options.atOnce ?? 256;
  }

  async run(signal: AbortSignal): Promise<void> {
    const ending = new AbortController();
    setMaxListeners(0, ending.signal);
    const end = () => ending.abort();
    signal.addEventListener('abort', end, { once: true });
    const running = new Set<Promise<void>>();
    const errors: unknown[] = [];
    let known = new Map<string, Checked>();
    try {
      while (!ending.signal.aborted) {
        const startedAt = performance.now();
        const replicas = this.#options.discovery.replicas();
        known = new Map(replicas.map(({ url }) => [url, known.get(url) ?? newlyFound()]));
        for (const [at, [url, checked]] of [...known].entries()) {
          await pauseUntil(startedAt + (this.everyMs * at) / replicas.length, ending.signal);
          while (running.size >= this.#atOnce) await Promise.race(running);
          if (ending.signal.aborted) break;
          if (checked.isRunning) continue;
          checked.isRunning = true;
          const check = this.#check(url, checked, ending.signal)
            .catch((error: unknown) => {
              // A fault of Redis concerns all replicas. The next run records everything again.
              errors.push(error);
              ending.abort();
            })
            .finally(() => {
              checked.isRunning = false;
              running.delete(check);
            });
          running.add(check);
        }
        const left = startedAt + this.everyMs - performance.now();
        await sleep(Math.max(left, 1), undefined, { signal: ending.signal }).catch(() => undefined);
      }
      await Promise.all(running);
    } finally {
      signal.removeEventListener('abort', end);
    }
    if (errors.length > 0) throw errors[0];
  }

  async #check(url: string, checked: Checked, signal: AbortSignal): Promise<void> {
    const { registry, dispatcher } = this.#options;
    let report: ReplicaReport | undefined;
    try {
      report = await untilAborted(reportOf(url, dispatcher), signal);
    } catch {
      return;
    }
    checked.failures = report === undefined ? checked.failures + 1 : 0;
    if (report !== undefined) {
      const state = report.readiness === 'unexplained' ? await registry.get(url) : undefined;
      await this.#noteEngine(url, checked, report);
      await this.#noteReadiness(url, checked, report, state);
      await this.#learnKey(url, checked);
    } else if (checked.failures >= failuresUntilDown) {
      await record(checked, 'state', 'down', () => registry.setHealth(url, 'down'));
      checked.recorded.delete('engine');
    }
  }

  async #noteReadiness(
    url: string,
    checked: Checked,
    report: ReplicaReport,
    state: ReplicaState | undefined,
  ): Promise<void> {
    const { registry, logger } = this.#options;
    const { reason } = report;
    const readiness = readinessOf(checked, report, state);
    await record(checked, 'state', `${readiness} ${reason}`, async () => {
      const before = await registry.setReadiness(url, readiness, reason);
      if (readiness !== before && (readiness === 'broken' || before === 'broken')) {
        logger.warn({ replica: url, readiness, before, reason }, 'readiness');
      }
    });
  }

  async #noteEngine(
    url: string,
    checked: Checked,
    { engine, features, instance }: ReplicaReport,
  ): Promise<void> {
    // A new process has another key, and Redis forgets what the process before it reported.
    if (checked.instance !== instance) {
      for (const name of ['state', 'key'] as const) checked.recorded.delete(name);
      checked.askedForKeyAt = Number.NEGATIVE_INFINITY;
    }
    checked.instance = instance;
    await record(checked, 'engine', [engine, instance, ...features].join(' '), () =>
      this.#options.registry.setEngine(url, engine, features, instance),
    );
  }

  async #learnKey(url: string, checked: Checked): Promise<void> {
    const { registry, dispatcher } = this.#options;
    const now = performance.now();
    if (now - checked.askedForKeyAt < publicKeyEveryMs) return;
    checked.askedForKeyAt = now;
    let key: PublicKey | undefined;
    try {
      key = await publicKeyOf(url, dispatcher);
    } catch {
      // It was there a moment ago: it is asked again at the next check.
      checked.askedForKeyAt = Number.NEGATIVE_INFINITY;
      return;
    }
    await record(
      checked,
      'key',
      JSON.stringify(key ?? null),
      () => registry.setPublicKey(url, key),
      keyRecordEveryMs,
    );
  }
}

const newlyFound = (): Checked => ({
  isRunning: false,
  failures: 0,
  idleChecks: 0,
  recorded: new Map(),
  askedForKeyAt: Number.NEGATIVE_INFINITY,
});

/** Records a finding when it differs from the recorded one, or when that was recorded long ago. */
async function record(
  checked: Checked,
  name: 'state' | 'engine' | 'key',
  value: string,
  write: () => Promise<void>,
  everyMs = recordEveryMs,
): Promise<void> {
  const now = performance.now();
  const before = checked.recorded.get(name);
  if (before?.value === value && now - before.at < everyMs) return;
  await write();
  checked.recorded.set(name, { value, at: now });
}

/** Waits for a time of the monotonic clock, unless it is nearer than a step. */
async function pauseUntil(at: number, signal: AbortSignal): Promise<void> {
  const left = at - performance.now();
  if (left >= stepMs) await sleep(left, undefined, { signal }).catch(() => undefined);
}

function readinessOf(checked: Checked, { readiness }: ReplicaReport, state: ReplicaState | undefined) {
  const isIdle = readiness === 'unexplained' && (state?.inFlight ?? 0) === 0;
  checked.idleChecks = isIdle ? checked.idleChecks + 1 : 0;
  if (readiness !== 'unexplained') return readiness;
  const isKnownBad = state?.circuit === 'open' || state?.readiness === 'broken';
  const isBroken = isIdle && (isKnownBad || checked.idleChecks >= idleChecksUntilBroken);
  return isBroken ? 'broken' : 'full';
}
