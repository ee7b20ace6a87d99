import { setTimeout as delay } from 'node:timers/promises';
import { type Client, ConnectionError, hasEnded, type Job } from '@slipway/client';
import { dockerfile, makeContext, tarOf } from '../context.js';
import { imageDigest } from '../registry.js';
import { registryHost } from './project.js';

export interface Load {
  /** Submits a job whose build takes some seconds; resolves once the API has acknowledged it. */
  submit(options: { name: string; seconds: number }): Promise<Job>;
  /** Submits jobs of two seconds one after the other until `until` settles; resolves with all that were acknowledged. */
  submitDuring(options: { name: string; until: Promise<unknown> }): Promise<Job[]>;
  /** Resolves to the jobs after all have ended. */
  ended(jobs: readonly Job[]): Promise<Job[]>;
  /** Returns the terminal events of a job in the API's event stream, each by state and version. */
  ends(id: string): readonly string[];
  /** Resolves to the digest of a job's image in the registry that builders push to, or null. */
  pushedDigest(job: Job): Promise<string | null>;
  stop(): void;
}

/** Submits jobs to a running project, and follows their results. */
export async function startLoad(client: Client): Promise<Load> {
  const context = makeContext({
    Dockerfile: dockerfile('ARG NAME', 'ARG SECONDS', 'RUN echo "$NAME" > /name && sleep "$SECONDS"'),
  });
  const { digest } = await client.uploadSource({ archive: tarOf(context) });
  const stopped = new AbortController();
  const ends = new Map<string, Set<string>>();
  void follow({ client, ends, signal: stopped.signal });
  const submit = ({ name, seconds }: { name: string; seconds: number }) =>
    client.submitJob({
      spec: {
        image: `${registryHost.inside}/system/${name}:1`,
        source: { digest },
        build_args: { NAME: name, SECONDS: String(seconds) },
      },
    });
  return {
    submit,
    async submitDuring({ name, until }) {
      let over = false;
      const end = until.finally(() => {
        over = true;
      });
      const jobs: Job[] = [];
      while (!over) {
        const job = await submit({ name: `${name}-${jobs.length}`, seconds: 2 }).catch((error) => {
          if (isAway(error)) return undefined;
          throw error;
        });
        if (job !== undefined) jobs.push(job);
        await delay(300);
      }
      await end;
      return jobs;
    },
    ended: (jobs) => Promise.all(jobs.map(({ id }) => client.waitForEnd({ id }))),
    ends: (id) => [...(ends.get(id) ?? [])],
    pushedDigest: ({ image }) => imageDigest(image.replace(registryHost.inside, registryHost.outside)),
    stop: () => stopped.abort(),
  };
}

async function follow(options: {
  client: Client;
  ends: Map<string, Set<string>>;
  signal: AbortSignal;
}): Promise<void> {
  const { client, ends, signal } = options;
  let after: string | undefined;
  while (!signal.aborted) {
    try {
      for await (const event of client.followEvents({ after, signal })) {
        if (event.type === 'idle') continue;
        after = event.position;
        if (event.type !== 'job' || !hasEnded(event.job.state)) continue;
        const { id, state, version } = event.job;
        ends.set(id, (ends.get(id) ?? new Set()).add(`${state} ${version}`));
      }
    } catch {
      // The API is down, or the load was stopped.
      await delay(200);
    }
  }
}

/** Returns true when a request got no acknowledgement because the API, or Redis behind it, was down. */
function isAway(error: unknown): boolean {
  return error instanceof ConnectionError || (error as { status?: number }).status === 503;
}
