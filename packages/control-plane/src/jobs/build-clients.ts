import type { Logger } from '@slipway/shared/logger';
import { createTransition, type Transition, type TransitionOptions, transitions } from './transition.js';

/** A client that waits for the job of its `POST /build`. */
export interface WaitingClient {
  /** Digest of the request: clients with equal ones wait for one job. */
  readonly request: string;
  readonly jobId: string;
  /** Unique for each connection. */
  readonly client: string;
}

interface BuildClientsOptions extends TransitionOptions {
  readonly logger: Logger;
}

/** Milliseconds for which a client stays registered when its API is killed. */
const clientMs = 60_000;
/** Milliseconds between two renewals of a client. */
const renewEveryMs = 10_000;
/** Milliseconds after the last renewal in which a client can come back to its job. */
const requestMs = 5 * 60_000;

/** The clients that wait for jobs of `POST /build`, on all APIs. */
export class BuildClients {
  readonly #transition: Transition;
  readonly #logger: Logger;

  constructor(options: BuildClientsOptions) {
    this.#transition = createTransition(options);
    this.#logger = options.logger;
  }

  /** Registers a client with the job of an equal request. Returns the id of the job; undefined when the client needs a new one. */
  async join(request: string, client: string): Promise<string | undefined> {
    const [outcome, id] = await this.#join({ request, client });
    return outcome === 'ok' ? String(id) : undefined;
  }

  /** Registers a client with its new job, which equal requests join from now on. */
  async enter({ jobId: id, ...waiting }: WaitingClient): Promise<void> {
    await this.#join({ ...waiting, id });
  }

  /** Keeps a client registered. Returns a function that ends this. */
  keep(waiting: WaitingClient): () => void {
    const renew = () =>
      this.enter(waiting).catch((error: unknown) => this.#warn(error, waiting, 'a client was not renewed'));
    const timer = setInterval(() => void renew(), renewEveryMs);
    return () => clearInterval(timer);
  }

  /** Removes a client. With the result, its next equal request is a new job. Never rejects: the registration expires. */
  async leave({ jobId: id, ...waiting }: WaitingClient, hasResult: boolean): Promise<void> {
    try {
      await this.#transition(transitions.leaveBuild, { id, ...waiting, has_result: hasResult });
    } catch (error) {
      this.#warn(error, { jobId: id }, 'a client was not removed');
    }
  }

  /** Removes a client, and cancels the job unless other clients wait for it. */
  async cancel({ jobId: id, client }: WaitingClient): Promise<void> {
    await this.#transition(transitions.cancel, { id, client }, 'queue');
  }

  async #join(args: { readonly request: string; readonly client: string; readonly id?: string }) {
    const times = { client_ms: clientMs, request_ms: requestMs };
    return await this.#transition(transitions.joinBuild, { ...args, ...times });
  }

  #warn(error: unknown, { jobId }: Pick<WaitingClient, 'jobId'>, message: string): void {
    this.#logger.warn({ err: error, job_id: jobId }, message);
  }
}
