import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Fleet, readStats, resetStats, setFaults } from '@slipway/simulator';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { scratchFolder } from '../context.js';
import { startTestFleet } from '../fleet.js';
import type { RunningProgram } from '../program.js';
import { streamWithCurl } from './curl.js';
import { makeProject } from './project.js';
import { publish, publishedImages, publishers } from './publish.js';

/** Builds of images in this repository take six times as long. */
const slow = 'r.example/slow';
const meanMs = 1_000;

let fleet: Fleet;
let payloadSecret: string;
beforeAll(async () => {
  const faults = [{ fault: 'slow', image: `^${slow}/`, factor: 6 }] as const;
  fleet = await startTestFleet({
    ...{ replicas: [{ slots: 4 }], workers: 1, durations: { meanMs, sigma: 0 } },
    env: { api: { SHUTDOWN_GRACE_MS: '1500' } },
  });
  await setFaults(replica().url, [...faults]);
  payloadSecret = join(scratchFolder(), 'payload-secret');
  writeFileSync(payloadSecret, fleet.payloadSecret);
});
afterAll(() => fleet?.stop());
beforeEach(() => resetStats(replica().url));

const member = (members: readonly Fleet['redis'][]) => {
  const [first] = members;
  if (!first) throw new Error('the fleet has none');
  return first;
};
const replica = () => member(fleet.replicas);
const api = () => member(fleet.apis);

const publishOne = (publisher: string, image: string) =>
  publish({
    ...{ publisher, parallel: 1, url: api().url, payloadSecret },
    project: makeProject({ functions: { one: { image, lang: 'tiny' } }, runnable: false }),
  });
const curlOne = (image: string) =>
  streamWithCurl({
    ...{ url: api().url, payloadSecret, image },
    context: join(makeProject({ functions: {}, runnable: false }), 'template', 'tiny'),
  });
const begun = async (builds: number) =>
  await expect.poll(async () => (await readStats(replica().url)).begun).toBe(builds);
const lastLine = async ({ ended }: RunningProgram) =>
  JSON.parse((await ended).out.trim().split('\n').at(-1) ?? '');
const jobOf = async (image: string) => {
  const { body } = await fleet.calls.call(`/v1/jobs?image=${encodeURIComponent(image)}`);
  return (body as { jobs: { id: string; state: string; attempts: unknown[] }[] }).jobs[0];
};

describe('an API that is stopped while it streams', () => {
  test('reports that in the last line, which no client treats as success, and the jobs continue', async () => {
    const clients = publishers.map((publisher, at) => ({
      image: `${slow}/stopped-${at}:1`,
      program: publishOne(publisher, `${slow}/stopped-${at}:1`),
    }));
    const curl = { image: `${slow}/stopped-curl:1`, program: curlOne(`${slow}/stopped-curl:1`) };
    await begun(clients.length + 1);
    api().kill('SIGTERM');
    const { code, status, error } = await lastLine(curl.program);
    expect({ code, status }).toEqual({ code: 'draining', status: 'failed' });
    expect(error).toMatch(/The job job_\w+ continues/);
    for (const { program } of clients) {
      const { exit, out, err } = await program.ended;
      expect({ exit, images: publishedImages(err) }).toEqual({ exit: 1, images: [] });
      expect(out + err).toMatch(/failure while building or pushing image .*The job job_\w+ continues/);
    }
    expect(await api().ended()).toMatchObject({ code: 0 });
    await api().start();
    for (const { image } of [...clients, curl]) {
      const done = async () => await jobOf(image);
      await expect.poll(done).toMatchObject({ state: 'succeeded', attempts: [{}] });
    }
  });
});

describe('a Redis that goes away while builds are streamed', () => {
  test('and comes back is not noticed by clients', async () => {
    const curl = curlOne(`${slow}/redis:1`);
    const [publisher = ''] = publishers;
    const client = publishOne(publisher, `${slow}/redis-2:1`);
    await begun(2);
    fleet.redis.kill('SIGKILL');
    await fleet.redis.ended();
    await fleet.redis.start();
    expect(await lastLine(curl)).toMatchObject({ status: 'success', image: `${slow}/redis:1` });
    const { exit, err } = await client.ended;
    expect({ exit, images: publishedImages(err) }).toEqual({ exit: 0, images: [`${slow}/redis-2:1`] });
  });
});
