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

/** The memory of the leader about a replica between its checks. */
interface Checked {
  failures: number;
  idleChecks: number;
  engine?: { readonly noted: string; readonly instance: string | undefined; readonly at: number } | undefined;
  askedForKeyAt?: number | undefined;
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
 * A replica that is not ready and gives no reason is full while Slipway has builds there: replicas of others are not ready while they have as many
 * builds as they take. Without builds it is broken.
 */
export class HealthMonitor implements LeaderTask {
  readonly name = 'health';
  readonly everyMs = 2_000;
  readonly #options: HealthOptions;
  /** The findings of earlier checks, by URL. Only replicas that discovery names have an entry. */
  #checked = new Map<string, Checked>();

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { registry, discovery, dispatcher } = this.#options;
    const replicas = discovery.replicas();
    this.#checked = new Map(
      replicas.map(({ url }) => [url, this.#checked.get(url) ?? { failures: 0, idleChecks: 0 }]),
    );
    const reports = await Promise.all(
      replicas.map(async ({ url }) => ({ url, report: await reportOf(url, dispatcher) })),
    );
    const states = reports.some(({ report }) => report?.readiness === 'unexplained')
      ? await registry.list()
      : [];
    await Promise.all(
      reports.map(({ url, report }) =>
        this.#note(
          url,
          this.#checked.get(url) ?? { failures: 0, idleChecks: 0 },
          report,
          states.find((state) => state.url === url),
        ),
      ),
    );
  }

  async #note(
    url: string,
    checked: Checked,
    report: ReplicaReport | undefined,
    state: ReplicaState | undefined,
  ): Promise<void> {
    const { registry, logger } = this.#options;
    checked.failures = report === undefined ? checked.failures + 1 : 0;
    if (report !== undefined) {
      await this.#noteEngine(url, checked, report);
      const { reason } = report;
      const readiness = readinessOf(checked, report, state);
      const before = await registry.setReadiness(url, readiness, reason);
      if (readiness !== before && (readiness === 'broken' || before === 'broken')) {
        logger.warn({ replica: url, readiness, before, reason }, 'readiness');
      }
      await this.#learnKey(url, checked);
    } else if (checked.failures >= failuresUntilDown) {
      checked.engine = undefined;
      await registry.setHealth(url, 'down');
    }
  }

  async #noteEngine(
    url: string,
    checked: Checked,
    { engine, features, instance }: ReplicaReport,
  ): Promise<void> {
    const now = performance.now();
    const before = checked.engine;
    const noted = [engine, instance, ...features].join(' ');
    if (before?.noted === noted && now - before.at < engineEveryMs) return;
    await this.#options.registry.setEngine(url, engine, features, instance);
    // Another process may have another key.
    if (before?.instance !== instance) checked.askedForKeyAt = undefined;
    checked.engine = { noted, instance, at: now };
  }

  async #learnKey(url: string, checked: Checked): Promise<void> {
    const { registry, dispatcher } = this.#options;
    const now = performance.now();
    if (now - (checked.askedForKeyAt ?? -publicKeyEveryMs) < publicKeyEveryMs) return;
    checked.askedForKeyAt = now;
    try {
      await registry.setPublicKey(url, await publicKeyOf(url, dispatcher));
    } catch {
      // It was there a moment ago: it is asked again at the next check.
      checked.askedForKeyAt = undefined;
    }
  }
}

function readinessOf(checked: Checked, { readiness }: ReplicaReport, state: ReplicaState | undefined) {
  const isIdle = readiness === 'unexplained' && (state?.inFlight ?? 0) === 0;
  checked.idleChecks = isIdle ? checked.idleChecks + 1 : 0;
  if (readiness !== 'unexplained') return readiness;
  const isKnownBad = state?.circuit === 'open' || state?.readiness === 'broken';
  const isBroken = isIdle && (isKnownBad || checked.idleChecks >= idleChecksUntilBroken);
  return isBroken ? 'broken' : 'full';
}
