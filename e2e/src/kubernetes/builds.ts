import type { Batch, Job, JobRequest } from '@slipway/client';
import { expect } from 'vitest';
import { dockerfile, makeContext, tarOf } from '../context.js';
import type { Release } from './release.js';

/** Builds in a release, and what its registry saw of them. */
export interface Builds {
  /** The address of the registry. */
  readonly registry: string;
  /** Submits a job that takes at least `seconds`. It pushes `slipway-registry:5000/builds/NAME:1`. */
  submit(name: string, options: BuildOptions): Promise<Job>;
  /** Submits such jobs as one batch. */
  submitBatch(names: readonly string[], options: BuildOptions): Promise<Batch>;
  /** Submits such jobs, and waits until the step of each runs. */
  running(names: readonly string[], options: { readonly seconds: number }): Promise<Job[]>;
  /** Returns the jobs when all have ended. */
  ended(jobs: readonly Job[]): Promise<Job[]>;
  /** Returns what the registry saw of these builds. */
  seen(names: readonly string[]): Promise<Seen[]>;
}

type BuildOptions = { readonly seconds: number } & Partial<JobRequest>;

interface Seen {
  readonly name: string;
  /** The number of times that its step began. */
  readonly begun: number;
  /** The number of pushes of its image. */
  readonly pushed: number;
}

/** The step tells the registry that it begins, so the log of the registry counts builds apart from Slipway's records. */
const steps = dockerfile(
  'ARG REGISTRY',
  'ARG NAME',
  'ARG SECONDS',
  'RUN wget -q -O /name "http://$REGISTRY/v2/?begun=$NAME" && sleep "$SECONDS" && echo "$NAME" > /name',
);

export async function prepareBuilds({ client, kubectl }: Release): Promise<Builds> {
  const { digest } = await client.uploadSource({ archive: tarOf(makeContext({ Dockerfile: steps })) });
  // A step has no name server of the cluster.
  const address = ['get', 'service', 'slipway-registry', '--output', 'jsonpath={.spec.clusterIP}'];
  const registry = `${await kubectl(...address)}:5000`;

  const specOf = (name: string, { seconds, ...spec }: BuildOptions) => ({
    image: `slipway-registry:5000/builds/${name}:1`,
    source: { digest },
    build_args: { REGISTRY: registry, NAME: name, SECONDS: String(seconds) },
    ...spec,
  });
  const submit: Builds['submit'] = (name, options) => client.submitJob({ spec: specOf(name, options) });
  const seen = async (names: readonly string[]) => {
    const log = await kubectl('logs', 'deployment/slipway-registry');
    return names.map((name) => seenIn(log, name));
  };
  return {
    registry,
    submit,
    submitBatch: (names, options) =>
      client.submitBatch({ batch: { items: names.map((name) => specOf(name, options)) } }),
    seen,
    async running(names, options) {
      const jobs = await Promise.all(names.map((name) => submit(name, options)));
      const missing = async () => (await seen(names)).filter(({ begun }) => begun === 0);
      await expect.poll(missing).toEqual([]);
      // The record has the builder.
      return Promise.all(jobs.map(({ id }) => client.getJob({ id })));
    },
    ended: (jobs) => Promise.all(jobs.map(({ id }) => client.waitForEnd({ id }))),
  };
}

/** Reads the log of accesses of a registry. */
function seenIn(log: string, name: string): Seen {
  const count = (request: string) => log.split(`"${request} HTTP/1.1" 20`).length - 1;
  return {
    name,
    begun: count(`GET /v2/?begun=${name}`),
    pushed: count(`PUT /v2/builds/${name}/manifests/1`),
  };
}

/** Returns the state of a job and the outcome of each attempt. */
export const outcomesOf = ({ state, attempts }: Job) => [state, ...attempts.map(({ outcome }) => outcome)];

/** Each job has succeeded at its first attempt, and the registry saw one build and one push of each. */
export async function expectBuiltOnce(builds: Builds, jobs: readonly Job[]): Promise<void> {
  expect(jobs.map(outcomesOf)).toEqual(jobs.map(() => ['succeeded', 'succeeded']));
  const names = jobs.map(({ image }) => /builds\/(.+):1$/.exec(image)?.[1] ?? '');
  expect(await builds.seen(names)).toEqual(names.map((name) => ({ name, begun: 1, pushed: 1 })));
}
