/** Milliseconds after the first failure of a registry in which it gets no request, and the limit of their doubling. */
const [firstWaitMs, longestWaitMs] = [30_000, 15 * 60_000];

/** Limit of registries that are remembered. */
const maxHosts = 1_000;

interface Host {
  /** By `performance.now()`. */
  until: number;
  failures: number;
}

/** The waits of registries. A failure of one base image holds back the checks of others in the same registry. */
export class Hosts {
  readonly #hosts = new Map<string, Host>();
  readonly #firstWaitMs: number;

  /** `intervalMs` is the time between two checks of a base image. */
  constructor(intervalMs: number) {
    this.#firstWaitMs = Math.min(firstWaitMs, intervalMs);
  }

  /** Returns the milliseconds until a registry may get the next request; 0 for now. */
  waitMs(host: string): number {
    return Math.max((this.#hosts.get(host)?.until ?? 0) - performance.now(), 0);
  }

  /** Notes an answer, with the pause that the registry asked for. */
  answered(host: string, pauseMs: number | undefined): void {
    if (pauseMs === undefined) this.#hosts.delete(host);
    else this.#hosts.set(host, { until: performance.now() + pauseMs, failures: 0 });
  }

  /** Notes a failure of the registry. Returns the milliseconds for which it gets no request. */
  failed(host: string, retryAfterMs: number | undefined): number {
    const failures = (this.#hosts.get(host)?.failures ?? 0) + 1;
    const usualMs = Math.min(this.#firstWaitMs * 2 ** Math.min(failures - 1, 20), longestWaitMs);
    const waitMs = Math.max(retryAfterMs ?? 0, usualMs);
    const [oldest] = this.#hosts.keys();
    if (this.#hosts.size >= maxHosts && oldest !== undefined) this.#hosts.delete(oldest);
    this.#hosts.set(host, { until: performance.now() + waitMs, failures });
    return waitMs;
  }
}
