import type { Job } from '@slipway/shared/contracts';
import type { Fleet } from './options.js';

interface SubmitOptions {
  readonly fleet: Fleet;
  /** Fields of each job except its source. */
  readonly specs: readonly object[];
  /** Requests at once. Default 16. */
  readonly concurrency?: number;
  readonly token?: string | undefined;
}

/** Submits jobs, some at once, over connections that are kept. Rejects when one is not accepted. */
export async function submitAll(options: SubmitOptions): Promise<Job[]> {
  const { fleet, specs, concurrency = 16, token } = options;
  const jobs: Job[] = new Array(specs.length);
  let next = 0;
  const submitter = async () => {
    for (let at = next++; at < specs.length; at = next++) {
      const answer = await fleet.calls.call('/v1/jobs', {
        method: 'POST',
        api: at,
        json: { source: { digest: fleet.source }, ...specs[at] },
        token,
      });
      if (answer.status !== 202) throw new Error(`a job was answered with ${answer.status}`);
      jobs[at] = answer.body as Job;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, submitter));
  return jobs;
}
