import type { ReplicaRegistry, ReplicaState } from '@slipway/control-plane/replicas';
import { type PublicKey, publicKeySchema } from '@slipway/shared/contracts';
import type { Logger } from '@slipway/shared/logger';
import { type Dispatcher, request } from 'undici';
import type { LeaderTask } from '../leader/leader.js';
import type { Replica } from './discovery.js';
import { type ReplicaReport, reportOf } from './report.js';

interface HealthOptions {
  readonly registry: Pick<
    ReplicaRegistry,
    'list' | 'setHealth' | 'setReadiness' | 'setEngine' | 'setPublicKey'
  >;
  readonly discovery: { replicas(): readonly Replica[] };
  readonly dispatcher: Dispatcher;
  readonly logger: Logger;
}

const timeoutMs = 2_000;
/** Milliseconds until an unchanged engine is recorded again. */
const engineEveryMs = 10_000;
const publicKeyEveryMs = 30_000;
const maxKeyBytes = 4_096;
/** Failed checks until a replica counts as down. A single failure may be chance. */
const failuresUntilDown = 2;
/** The same for a replica that is not ready, gives no reason and builds nothing: its last build may just have ended. */
const idleChecksUntilBroken = 2;

/** Returns the key that clients seal build secrets of the replica with. Returns undefined if it has no key, or a bad answer. */
async function publicKeyOf(url: string, dispatcher: Dispatcher): Promise<PublicKey | undefined> {
  const signal = AbortSignal.timeout(timeoutMs);
  const { statusCode, headers, body } = await request(`${url}/publickey`, { dispatcher, signal });
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
 * A replica that is not ready and gives no reason is full while Slipway has builds there: replicas of others are not ready while they have as many
 * builds as they take. Without builds it is broken.
 */
export class HealthMonitor implements LeaderTask {
  readonly name = 'health';
  readonly everyMs = 2_000;
  readonly #options: HealthOptions;
  readonly #failures = new Map<string, number>();
  readonly #idleChecks = new Map<string, number>();
  readonly #engines = new Map<string, { readonly noted: string; readonly at: number }>();
  readonly #askedForKeyAt = new Map<string, number>();

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { registry, discovery, dispatcher } = this.#options;
    const reports = await Promise.all(
      discovery.replicas().map(async ({ url }) => ({ url, report: await reportOf(url, dispatcher) })),
    );
    const states = reports.some(({ report }) => report?.readiness === 'unexplained')
      ? await registry.list()
      : [];
    await Promise.all(
      reports.map(({ url, report }) =>
        this.#note(
          url,
          report,
          states.find((state) => state.url === url),
        ),
      ),
    );
  }

  async #note(
    url: string,
    report: ReplicaReport | undefined,
    state: ReplicaState | undefined,
  ): Promise<void> {
    const { registry, logger } = this.#options;
    const failures = report === undefined ? (this.#failures.get(url) ?? 0) + 1 : 0;
    this.#failures.set(url, failures);
    if (report !== undefined) {
      const { reason } = report;
      const readiness = this.#readinessOf(url, report, state);
      const before = await registry.setReadiness(url, readiness, reason);
      if (readiness !== before && (readiness === 'broken' || before === 'broken')) {
        logger.warn({ replica: url, readiness, before, reason }, 'readiness');
      }
      await this.#noteEngine(url, report);
      await this.#learnKey(url);
    } else if (failures >= failuresUntilDown) {
      this.#engines.delete(url);
      await registry.setHealth(url, 'down');
    }
  }

  #readinessOf(url: string, { readiness }: ReplicaReport, state: ReplicaState | undefined) {
    const isIdle = readiness === 'unexplained' && (state?.inFlight ?? 0) === 0;
    const idleChecks = isIdle ? (this.#idleChecks.get(url) ?? 0) + 1 : 0;
    this.#idleChecks.set(url, idleChecks);
    if (readiness !== 'unexplained') return readiness;
    const isKnownBad = state?.circuit === 'open' || state?.readiness === 'broken';
    const isBroken = isIdle && (isKnownBad || idleChecks >= idleChecksUntilBroken);
    return isBroken ? 'broken' : 'full';
  }

  async #noteEngine(url: string, { engine, features }: ReplicaReport): Promise<void> {
    const now = performance.now();
    const before = this.#engines.get(url);
    const noted = [engine, ...features].join(' ');
    if (before?.noted === noted && now - before.at < engineEveryMs) return;
    await this.#options.registry.setEngine(url, engine, features);
    this.#engines.set(url, { noted, at: now });
  }

  async #learnKey(url: string): Promise<void> {
    const { registry, dispatcher } = this.#options;
    const now = performance.now();
    if (now - (this.#askedForKeyAt.get(url) ?? -publicKeyEveryMs) < publicKeyEveryMs) return;
    this.#askedForKeyAt.set(url, now);
    try {
      await registry.setPublicKey(url, await publicKeyOf(url, dispatcher));
    } catch {
      // It was there a moment ago: it is asked again at the next check.
      this.#askedForKeyAt.delete(url);
    }
  }
}
