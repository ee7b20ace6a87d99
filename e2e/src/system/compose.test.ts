import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from '@slipway/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Load, startLoad } from './load.js';
import { measureAbsence, type Project, startProject } from './project.js';

let project: Project;
let load: Load;
const kept: Job[] = [];
const say = (line: string) => process.stdout.write(`${line}\n`);
const names = async () => (await project.containers()).map(({ Name }) => Name.slice(1)).toSorted();
const healthy = () => expect.poll(() => project.unwell()).toEqual([]);

beforeAll(async () => {
  project = await startProject();
});
afterAll(async () => {
  load?.stop();
  await project?.docker.process.stop({ graceMs: 60_000 });
});

/** Every job that was acknowledged has succeeded, its stream of events had one end, and its image is in the registry. */
async function nothingIsLost(jobs: readonly Job[]): Promise<void> {
  const ended = await load.ended(jobs);
  const outcomes = ended.map(({ state, error }) =>
    `${state} ${error?.code ?? ''} ${error?.detail ?? ''}`.trim(),
  );
  expect(new Set(outcomes)).toEqual(new Set(['succeeded']));
  await expect.poll(() => ended.filter(({ id }) => load.ends(id).length !== 1)).toEqual([]);
  for (const job of ended) expect(await load.pushedDigest(job), job.image).toBe(job.result?.digest);
  kept.push(...ended);
}

test('`docker compose up` on an empty machine: every service becomes healthy', async () => {
  const started = Date.now();
  await project.compose(['up', '--detach']);
  await healthy();
  say(`system: healthy after ${((Date.now() - started) / 1000).toFixed(1)} s`);
  expect(await names()).toHaveLength(11);
});

test('without secrets, `docker compose up` says which command writes them', async () => {
  await project.compose(['down']);
  const secrets = join(project.folder, 'secrets');
  await rename(secrets, `${secrets}-away`);
  const refused = project.compose(['up', '--detach']);
  await expect(refused).rejects.toThrow('`node scripts/secrets.mjs`');
  await rename(`${secrets}-away`, secrets);
  await project.compose(['up', '--detach']);
  await healthy();
  load = await startLoad(project.client);
});

test('Docker keeps a bounded log of every container', async () => {
  for (const { Name, HostConfig } of await project.containers())
    expect(HostConfig.LogConfig, Name).toEqual({
      Type: 'json-file',
      Config: { 'max-size': '10m', 'max-file': '5' },
    });
});

test('functions are built by rootless BuildKit and pushed', async () => {
  const jobs = await Promise.all(
    Array.from({ length: 12 }, (_each, at) => load.submit({ name: `first-${at}`, seconds: 0 })),
  );
  await nothingIsLost(jobs);
});

test('a build of 45 seconds goes on while its builder, and another one while its worker, is restarted', async () => {
  const jobs = await Promise.all(
    ['builder', 'worker'].map((name) => load.submit({ name: `long-${name}`, seconds: 45 })),
  );
  const [ofBuilder, ofWorker] = await Promise.all(
    jobs.map(async ({ id }) => {
      await expect.poll(async () => (await project.client.getJob({ id })).attempts[0]?.replica).toBeDefined();
      return (await project.client.getJob({ id })).attempts[0];
    }),
  );
  const builder = new URL(ofBuilder?.replica ?? '').hostname;
  const worker = (await project.containers()).find(({ Id }) => ofWorker?.worker.startsWith(Id.slice(0, 12)));
  await Promise.all([
    project.compose(['restart', builder]),
    project.docker.run('restart', '--time', '2700', worker?.Name.slice(1) ?? ''),
  ]);
  await nothingIsLost(jobs);
  for (const { attempts } of await load.ended(jobs))
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['succeeded']);
});

test('each container is restarted in turn, and Redis is killed, under load: nothing is lost', async () => {
  const restartAll = async () => {
    for (const name of await names()) await project.docker.run('restart', name);
    await project.docker.run('kill', '--signal', 'KILL', 'slipway-redis-1');
    await project.docker.run('start', 'slipway-redis-1');
    await healthy();
  };
  const jobs = await load.submitDuring({ name: 'restarts', until: restartAll() });
  expect(jobs.length).toBeGreaterThan(20);
  await nothingIsLost(jobs);
});

test('an update while jobs wait: nothing is lost', async () => {
  const waiting = await Promise.all(
    Array.from({ length: 24 }, (_each, at) => load.submit({ name: `update-${at}`, seconds: 3 })),
  );
  const update = async () => {
    await project.compose(['up', '--detach'], { SLIPWAY_VERSION: 'next' });
    await healthy();
  };
  const absentMs = await measureAbsence(update());
  say(`system: ${(absentMs / 1000).toFixed(1)} s without the API during an update`);
  const versions = (await project.containers())
    .filter(({ Config }) => Config.Image.startsWith('slipway/'))
    .map(({ Config }) => Config.Labels['org.opencontainers.image.version']);
  expect(versions).toEqual(Array(6).fill('next'));
  await nothingIsLost(waiting);
});

test('`docker compose down` and `up`: jobs, records, logs and images are still there', async () => {
  const waiting = await Promise.all(
    Array.from({ length: 16 }, (_each, at) => load.submit({ name: `down-${at}`, seconds: 3 })),
  );
  const before = [...kept];
  await project.compose(['down'], { SLIPWAY_VERSION: 'next' });
  expect(await names()).toEqual([]);
  await project.compose(['up', '--detach'], { SLIPWAY_VERSION: 'next' });
  await healthy();
  for (const job of before) {
    expect(await project.client.getJob({ id: job.id })).toEqual(job);
    expect(await load.pushedDigest(job)).toBe(job.result?.digest);
  }
  await nothingIsLost(waiting);
});
