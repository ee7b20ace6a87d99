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
    ...{ replicas: [{ slots: 4 }], apis: 2, workers: 1, durations: { meanMs, sigma: 0 } },
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
const otherApi = () => member(fleet.apis.slice(1));

const publishOne = (publisher: string, image: string, { url } = api()) =>
  publish({
    ...{ publisher, parallel: 1, url, payloadSecret },
    project: makeProject({ functions: { one: { image, lang: 'tiny' } }, runnable: false }),
  });
const curlOne = (image: string, { url } = api()) =>
  streamWithCurl({
    ...{ url, payloadSecret, image },
    context: join(makeProject({ functions: {}, runnable: false }), 'template', 'tiny'),
  });
const begun = async (builds: number) =>
  await expect.poll(async () => (await readStats(replica().url)).begun).toBe(builds);
const lastLine = async ({ ended }: RunningProgram) =>
  JSON.parse((await ended).out.trim().split('\n').at(-1) ?? '');
const jobsOf = async (image: string) => {
  const { body } = await fleet.calls.call(`/v1/jobs?image=${encodeURIComponent(image)}`);
  return (body as { jobs: { id: string; state: string; attempts: unknown[] }[] }).jobs;
};
const jobOf = async (image: string) => (await jobsOf(image))[0];
const logOf = async (image: string) => {
  const id = (await jobOf(image))?.id;
  return String((await fleet.calls.call(`/v1/jobs/${id}/logs`)).body)
    .trimEnd()
    .split('\n');
};
/** Returns the log in a stream, without the lines about the queue. */
const streamedLog = async ({ ended }: RunningProgram) =>
  (await ended).out
    .trim()
    .split('\n')
    .flatMap((line) => (JSON.parse(line) as { log?: string[] }).log ?? [])
    .filter((line) => !line.startsWith('waiting in the queue'));

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

describe('clients that come back with the same request', () => {
  test.each([
    ['the API that was stopped', 'SIGTERM', api],
    ['the API that was killed', 'SIGKILL', api],
    ['another API, after theirs was killed', 'SIGKILL', otherApi],
  ] as const)('to %s attach to their jobs, and nothing is built twice', async (_to, signal, to) => {
    const name = `${slow}/back-${signal}-${to === api ? 'same' : 'other'}`.toLowerCase();
    const images = publishers.map((_, at) => `${name}-${at}:1`);
    const curlImage = `${name}-curl:1`;
    const first = publishers.map((publisher, at) => publishOne(publisher, images[at] ?? ''));
    const curl = curlOne(curlImage);
    await begun(images.length + 1);
    api().kill(signal);
    for (const program of [...first, curl]) await program.ended;
    await api().ended();
    if (to === api) await api().start();
    const back = publishers.map((publisher, at) => publishOne(publisher, images[at] ?? '', to()));
    const curlBack = curlOne(curlImage, to());
    for (const [at, program] of back.entries()) {
      const { exit, err } = await program.ended;
      expect({ exit, images: publishedImages(err) }).toEqual({ exit: 0, images: [images[at]] });
    }
    expect(await lastLine(curlBack)).toMatchObject({ status: 'success', image: curlImage });
    if (to !== api) await api().start();
    for (const image of [...images, curlImage])
      expect(await jobsOf(image)).toMatchObject([{ state: 'succeeded', attempts: [{}] }]);
    expect(await streamedLog(curlBack)).toEqual(await logOf(curlImage));
    expect((await readStats(replica().url)).begun).toBe(images.length + 1);
  });

  test('within DISCONNECT_WAIT_MS attach to a job that goes on, after their connection broke', async () => {
    const image = `${slow}/broken:1`;
    const curl = curlOne(image);
    await begun(1);
    curl.kill('SIGKILL');
    await curl.ended;
    expect(await lastLine(curlOne(image, otherApi()))).toMatchObject({ status: 'success', image });
    expect(await jobsOf(image)).toMatchObject([{ state: 'succeeded', attempts: [{}] }]);
    expect((await readStats(replica().url)).begun).toBe(1);
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
