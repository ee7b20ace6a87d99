import type { ReplicaRegistry, ReplicaState } from '@slipway/control-plane/replicas';
import { codeOf } from '@slipway/shared/errors';
import type { Logger } from '@slipway/shared/logger';
import type { KubernetesClient } from '../kubernetes/client.js';
import type { LeaderTask } from './leader.js';

interface DeletionCostsOptions {
  readonly registry: Pick<ReplicaRegistry, 'urls' | 'loads' | 'states'>;
  readonly kubernetes: Pick<KubernetesClient, 'request' | 'namespace'>;
  readonly logger: Logger;
  /** Returns monotonic milliseconds. */
  readonly now?: () => number;
}

interface Written {
  readonly builds: number;
  readonly at: number;
}

const annotation = 'controller.kubernetes.io/pod-deletion-cost';
const permission = 'patch of pods in its namespace';
/** Milliseconds until the cost of a busy pod is written again. A pod that becomes idle or busy is written at once. */
const busyEveryMs = 10_000;
/** Milliseconds until a pod whose cost could not be written, or that drains, is looked at again, and until the next try without the permission. */
const [leftMs, forbiddenMs] = [10_000, 10 * 60_000];
/** Limit of requests in one run. */
const maxWrites = 20;
/** Pods that one run reads, at most: those whose load has changed, and a few in turn, because the index of loads may be a while behind. */
const [maxChanged, inTurn] = [100, 25];
const timeoutMs = 5_000;

/**
 * Writes the number of running builds of each builder pod into its annotation `pod-deletion-cost`, so that a ReplicaSet that scales in removes idle
 * pods first. Other controllers, such as StatefulSets, do not read it.
 */
export class DeletionCosts implements LeaderTask {
  readonly name = 'pod deletion costs';
  readonly everyMs = 1_000;
  readonly #options: DeletionCostsOptions;
  readonly #now: () => number;
  /** The last cost of each pod, by the URL of its replica. */
  readonly #written = new Map<string, Written>();
  /** Pods that are left alone, and until when. */
  readonly #left = new Map<string, number>();
  #lastRead = '';
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #hasWarned = false;

  constructor(options: DeletionCostsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  async run(signal: AbortSignal): Promise<void> {
    if (this.#now() < this.#pausedUntil) return;
    const { registry } = this.#options;
    const [known, loads] = await Promise.all([registry.urls(), registry.loads()]);
    const urls = new Set(known.filter(uidOf));
    for (const noted of [this.#written, this.#left])
      for (const url of noted.keys()) if (!urls.has(url)) noted.delete(url);
    const load = (url: string) => loads.get(url) ?? 0;
    const changed = [...urls].filter((url) => this.#isDue(url, load(url))).sort((a, b) => load(a) - load(b));
    const read = new Set([...changed.slice(0, maxChanged), ...this.#nextOf([...urls])]);
    const pods = (await registry.states([...read])).filter(({ name }) => name);
    for (const { url, readiness } of pods)
      if (readiness === 'draining') this.#left.set(url, this.#now() + leftMs);
    // Pods that became idle come first: the next scale-in needs them.
    const due = pods
      .filter(({ url, inFlight }) => this.#isDue(url, inFlight))
      .sort((a, b) => a.inFlight - b.inFlight);
    for (const pod of due.slice(0, maxWrites)) {
      if (signal.aborted || !(await this.#write(pod))) return;
    }
  }

  /** Returns the pods whose turn it is to be read. */
  #nextOf(urls: readonly string[]): readonly string[] {
    const after = urls.findIndex((url) => url > this.#lastRead);
    const next = urls.slice(Math.max(after, 0)).slice(0, inTurn);
    this.#lastRead = next.at(-1) ?? '';
    return next;
  }

  #isDue(url: string, builds: number): boolean {
    const now = this.#now();
    if (now < (this.#left.get(url) ?? now)) return false;
    const written = this.#written.get(url);
    if (!written) return true;
    if (written.builds === builds) return false;
    return written.builds === 0 || builds === 0 || now - written.at >= busyEveryMs;
  }

  /** Returns false when further writes are of no use now. */
  async #write({ url, name = '', inFlight }: ReplicaState): Promise<boolean> {
    const { kubernetes } = this.#options;
    try {
      const namespace = encodeURIComponent(await kubernetes.namespace());
      const body = await kubernetes.request({
        method: 'PATCH',
        path: `/api/v1/namespaces/${namespace}/pods/${encodeURIComponent(name)}`,
        permission,
        headers: { 'content-type': 'application/merge-patch+json' },
        // With the UID the API server refuses another pod of that name.
        body: JSON.stringify({
          metadata: { uid: uidOf(url), annotations: { [annotation]: String(inFlight) } },
        }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      await body.dump();
      this.#written.set(url, { builds: inFlight, at: this.#now() });
      this.#left.delete(url);
      this.#hasWarned = false;
      return true;
    } catch (error) {
      return this.#fail(url, error);
    }
  }

  #fail(url: string, error: unknown): boolean {
    const { logger } = this.#options;
    const code = codeOf(error);
    const isRefused = code === 'kubernetes_forbidden' || code === 'kubernetes_unauthorized';
    if (isRefused) this.#pausedUntil = this.#now() + forbiddenMs;
    this.#left.set(url, this.#now() + leftMs);
    if (!this.#hasWarned) logger.warn({ err: error, code, replica: url }, 'pod deletion costs not written');
    this.#hasWarned = true;
    return !isRefused;
  }
}

/** Returns the UID of the pod; empty for a replica that is no pod. */
const uidOf = (url: string) => new URL(url).hash.slice(1);
