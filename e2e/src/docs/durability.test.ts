import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Job, Queue } from '@slipway/client';
import { type Fleet, startFleet } from '@slipway/simulator';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runSteps } from '../ci/runner.js';
import { scratchFolder } from '../context.js';

const page = readFileSync(
  fileURLToPath(new URL('../../../docs/operations/durability.md', import.meta.url)),
  'utf8',
);
/** The commands of the page, in its order. */
const commands = [...page.matchAll(/^ *```sh\n(.*?)^ *```$/gms)].map(([, script = '']) => script);
const [copyRedis, copyBlobs, restoreRedis, restoreBlobs, hold, queue, release] = commands as [
  ...[string, string, string, string, string, string, string],
];

let fleet: Fleet;
let backup: string;
beforeEach(async () => {
  backup = mkdtempSync(join(tmpdir(), 'slipway-backup-'));
  fleet = await startFleet({
    ...{ replicas: [{ slots: 2 }], workers: 1 },
    env: { worker: { REDIS_LOSS_TOLERANCE_MS: '2000' } },
  });
});
afterEach(async () => {
  await fleet.stop();
  rmSync(backup, { recursive: true });
});

const run = async (...scripts: readonly string[]) => {
  const { exit, log } = await runSteps({
    steps: scripts.map((script) => ({ script, env: {} })),
    repository: scratchFolder(),
    env: {
      ...{
        SLIPWAY_DATA: '/no/such/folder',
        SLIPWAY_URL: fleet.apis[0]?.url ?? '',
        SLIPWAY_TOKEN: fleet.token,
      },
      ...{ BACKUP: backup, REDIS_ADMIN_URL: fleet.redisUrl, REDIS_DIR: join(fleet.folder, 'redis') },
      BLOBS: fileURLToPath(fleet.blobStore),
    },
  });
  expect({ exit, log }).toMatchObject({ exit: 0 });
  return log;
};
const call = async <T>(path: string, json?: object) =>
  (await fleet.calls.call(path, { ...(json && { method: 'POST', json }), timeoutMs: 20_000 })) as {
    status: number;
    body: T;
  };
let made = 0;
/** Submits a job with a new source. Returns its id and the digest. */
const submit = async (image = `registry.test/backup/${++made}:1`) => {
  const files = { Dockerfile: `FROM scratch\nLABEL made=${++made}\n` };
  const { status, body } = await call<Job>('/v1/jobs', { image, source: { files } });
  expect(status).toBe(202);
  return { id: body.id, image, digest: body.source.digest };
};
const stateOf = async (id: string) => (await call<Job>(`/v1/jobs/${id}`)).body.state;
const built = async (id: string) => await expect.poll(() => stateOf(id)).toBe('succeeded');
const held = async () => (await call<Queue>('/v1/queue')).body.held;
const stop = async (members: Fleet['workers']) => await Promise.all(members.map((member) => member.stop()));
const start = async (members: Fleet['workers']) => await Promise.all(members.map((member) => member.start()));
const blobMark = () => {
  const file = join(fileURLToPath(fleet.blobStore), 'redis', `time-mark-${fleet.redisPrefix}`);
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
};

/** Stops all processes, runs commands, and starts Redis and the API. */
async function restore(...scripts: readonly string[]): Promise<void> {
  await stop(fleet.workers);
  await stop(fleet.apis);
  await fleet.redis.stop();
  await run(...scripts);
  await fleet.redis.start();
  await start(fleet.apis);
}

describe('the commands of the page on durability', () => {
  test('restore an old backup of Redis, and build nothing of it over newer tags', async () => {
    await built((await submit()).id);
    await stop(fleet.workers);
    const old = await submit();
    await run(copyRedis, copyBlobs);
    const backedUpAt = Date.now();
    await start(fleet.workers);
    await built(old.id);
    await built((await submit(old.image)).id);
    const later = async () => {
      await built((await submit()).id);
      return blobMark();
    };
    await expect.poll(later).toBeGreaterThan(backedUpAt + 2_000);

    await restore(restoreRedis);
    expect(await stateOf(old.id)).toBe('queued');
    await start(fleet.workers);
    await expect.poll(held).toMatchObject({ reason: 'restored', known_at: expect.any(String) });
    expect(await run(queue)).toContain('slipway release --cancel');
    const added = await submit();
    expect([await stateOf(old.id), await stateOf(added.id)]).toEqual(['queued', 'queued']);
    expect(await run(release)).toContain('1 jobs are canceled');
    await built(added.id);
    expect(await stateOf(old.id)).toBe('canceled');
  });

  test.each([
    ['has the source of each record: Redis first, then the blobs', [copyRedis, copyBlobs], 'succeeded'],
    ['lacks the source of a job that came in between: the blobs first', [copyBlobs, copyRedis], 'failed'],
  ] as const)('back up and restore Redis and the blobs. The backup %s', async (_what, order, end) => {
    await stop(fleet.workers);
    const before = await submit();
    await run(order[0]);
    const between = await submit();
    await run(order[1]);
    rmSync(fileURLToPath(fleet.blobStore), { recursive: true });
    await restore(restoreRedis, restoreBlobs);
    await run(hold);
    await start(fleet.workers);
    expect(await held()).toMatchObject({ reason: 'operator' });
    const known = order[0] === copyRedis ? 404 : 200;
    expect((await call(`/v1/jobs/${between.id}`)).status).toBe(known);
    expect(await stateOf(before.id)).toBe('queued');
    await run(release.replace('--cancel', '--run'));
    await built(before.id);
    if (known === 200) {
      await expect.poll(() => stateOf(between.id)).toBe(end);
      const { body } = await call<Job>(`/v1/jobs/${between.id}`);
      expect(body.error?.code).toBe('source_not_found');
    }
  });
});
