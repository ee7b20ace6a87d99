import {
  engineHeader,
  engineNames,
  type PublicKey,
  publicKeySchema,
  type ReplicaEngine,
} from '@slipway/shared/contracts';
import type { ReplicaRegistry } from '@slipway/shared/replicas';
import { type Dispatcher, request } from 'undici';
import type { Duty } from '../leader/leader.js';
import type { Replica } from './discovery.js';

interface HealthOptions {
  readonly registry: Pick<ReplicaRegistry, 'setHealth' | 'setEngine' | 'setPublicKey'>;
  readonly discovery: { replicas(): readonly Replica[] };
  readonly dispatcher: Dispatcher;
}

const timeoutMs = 2_000;
/** How often an engine that stays the same is noted again. */
const engineEveryMs = 10_000;
const publicKeyEveryMs = 30_000;
const maxKeyBytes = 4_096;
/** One check that fails may be chance. */
const failuresUntilDown = 2;

/** Whether a replica answers at all. That it is not ready (full) says nothing here: the ledger knows how full it is. */
export async function answers(url: string, dispatcher: Dispatcher): Promise<boolean> {
  return (await engineOf(url, dispatcher)) !== undefined;
}

/** Returns what a replica reports as its engine; undefined when it does not answer. */
export async function engineOf(url: string, dispatcher: Dispatcher): Promise<ReplicaEngine | undefined> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const { statusCode, headers, body } = await request(`${url}/healthz`, { dispatcher, signal });
    await body.dump();
    return statusCode < 500 ? reportedEngine(headers) : undefined;
  } catch {
    // Why it does not answer does not matter: it is not usable.
    return undefined;
  }
}

/** Returns what the headers of an answer say about the engine. Builders of others send no such header. */
export function reportedEngine(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): ReplicaEngine {
  const value = headers[engineHeader];
  return value === undefined ? 'unreported' : (engineNames.find((name) => name === value) ?? 'unknown');
}

/** What the replica wants build secrets to be sealed with; undefined when it has no key, or says something else. */
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

/** Checks all replicas, and notes which are down, which engine each reports, and what secrets are sealed with for them. */
export class HealthDuty implements Duty {
  readonly name = 'health';
  readonly everyMs = 2_000;
  readonly #options: HealthOptions;
  readonly #failures = new Map<string, number>();
  readonly #engines = new Map<string, { readonly engine: ReplicaEngine; readonly at: number }>();
  readonly #askedForKeyAt = new Map<string, number>();

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    await Promise.all(this.#options.discovery.replicas().map(({ url }) => this.#check(url)));
  }

  async #check(url: string): Promise<void> {
    const { registry, dispatcher } = this.#options;
    const engine = await engineOf(url, dispatcher);
    const failures = engine === undefined ? (this.#failures.get(url) ?? 0) + 1 : 0;
    this.#failures.set(url, failures);
    if (engine !== undefined) {
      await registry.setHealth(url, 'up');
      await this.#noteEngine(url, engine);
      await this.#learnKey(url);
    } else if (failures >= failuresUntilDown) {
      this.#engines.delete(url);
      await registry.setHealth(url, 'down');
    }
  }

  async #noteEngine(url: string, engine: ReplicaEngine): Promise<void> {
    const now = performance.now();
    const noted = this.#engines.get(url);
    if (noted?.engine === engine && now - noted.at < engineEveryMs) return;
    await this.#options.registry.setEngine(url, engine);
    this.#engines.set(url, { engine, at: now });
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
