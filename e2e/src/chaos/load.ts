import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, TerminalState } from '@slipway/shared/contracts';
import type { ApiAnswer } from '@slipway/simulator';
import type { Arena } from './arena.js';

/** The job that a load submits. */
export interface Wish {
  /** The repository below the registry, unique for each job. */
  readonly name: string;
  readonly expected?: TerminalState;
  readonly spec?: object;
  /** The registry of the job's image. Default `registry.test`. */
  readonly registry?: 'registry.test' | 'other.test' | 'strict.test' | undefined;
}

interface LoadOptions {
  readonly arena: Arena;
  readonly wishes: readonly Wish[];
  /** Submissions a second. No limit when left out. */
  readonly perSecond?: number;
  /** Submissions at once. Default 4. */
  readonly concurrency?: number;
  /** Receives each refusal, after which the load tries again. */
  readonly onRefused?: (refusal: Refusal) => void;
}

/** A request that was not answered with 202. */
export interface Refusal {
  readonly api: number;
  readonly answer: ApiAnswer | undefined;
  /** The error when there is no answer. */
  readonly error: Error | undefined;
}

const retryMs = 100;

export const imageOf = (name: string, registry: Wish['registry'] = 'registry.test') =>
  `${registry}/chaos/${name}:1`;

/** Submits jobs until each was accepted, spread over the APIs, and writes them down in the ledger. */
export async function submitLoad(options: LoadOptions): Promise<void> {
  const { wishes, perSecond, concurrency = 4 } = options;
  const started = performance.now();
  let next = 0;
  const submitter = async () => {
    for (let at = next++; at < wishes.length; at = next++) {
      const due = perSecond === undefined ? 0 : started + (at * 1_000) / perSecond - performance.now();
      if (due > 0) await sleep(due);
      await submitOne(options, wishes[at] as Wish, at);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, submitter));
}

/** Submits one job until it is accepted. Each try has its own image, because an earlier try may have been accepted without an answer. */
export async function submitOne(
  { arena, onRefused }: Pick<LoadOptions, 'arena' | 'onRefused'>,
  { name, expected, spec, registry }: Wish,
  first = 0,
): Promise<Job> {
  const { fleet, ledger, receiver } = arena;
  for (let tried = 0; ; tried++) {
    const api = (first + tried) % fleet.apis.length;
    const image = imageOf(tried === 0 ? name : `${name}-again-${tried}`, registry);
    let answer: ApiAnswer | undefined;
    let error: Error | undefined;
    try {
      answer = await fleet.calls.call('/v1/jobs', {
        method: 'POST',
        api,
        json: { image, source: { digest: fleet.source }, callback: receiver.callback, ...spec },
        timeoutMs: 20_000,
      });
    } catch (cause) {
      error = cause as Error;
    }
    if (answer?.status === 202) {
      const job = answer.body as Job;
      ledger.accept({ id: job.id, image, ...(expected && { expected }) });
      return job;
    }
    onRefused?.({ api, answer, error });
    await sleep(retryMs);
  }
}

export const wishes = (count: number, prefix = 'function'): Wish[] =>
  Array.from({ length: count }, (_, at) => ({ name: `${prefix}-${at}` }));
