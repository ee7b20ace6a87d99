import { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { held, type Replica, startReplica } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from './testing/start-worker.js';

const acme = { name: 'acme', weight: 1 };

async function installation(): Promise<Installation> {
  const made = await createInstallation(inject('redisUrl'));
  onTestFinished(() => made.dispose());
  return made;
}

async function replica(options: Parameters<typeof startReplica>[1] = {}): Promise<Replica> {
  const made = await startReplica(payloadSecret, options);
  onTestFinished(() => made.stop());
  return made;
}

/** Submits a job of a tenant other than `default`. */
async function submitOf(tenant: typeof acme, { store, upload }: Installation): Promise<string> {
  const id = newId('job');
  const digest = await upload({ Dockerfile: `FROM scratch\nLABEL id=${id}\n` });
  const image = `r.example/${tenant.name}/${id.slice(4).toLowerCase()}:1`;
  await store.create(id, jobSpecSchema.parse({ image, source: { digest } }), { tenant });
  return id;
}

const enginesOf = async ({ redis, keys }: Installation) =>
  (await new ReplicaRegistry({ redis, keys }).list()).map(({ engine }) => engine).toSorted();

describe('jobs of a tenant', () => {
  it('fail with a code of their own where all replicas build with buildah, and those of default succeed', async () => {
    const home = await installation();
    const buildah = await replica({ engine: 'buildah' });
    const id = await submitOf(acme, home);
    await home.startWorker([buildah.url]);
    const job = await home.ended(id);
    expect(job).toMatchObject({ state: 'failed', error: { code: 'no_isolated_builder' } });
    expect(job.error?.detail).toContain('buildah');
    expect(buildah.payloads).toEqual([]);
    expect(await home.ended(await home.submit())).toMatchObject({ state: 'succeeded' });
    expect(buildah.payloads).toHaveLength(1);
    await expect.poll(() => enginesOf(home)).toEqual(['buildah']);
  });

  it('go to the other replicas, however many wait', async () => {
    const home = await installation();
    const [buildah, buildkit, other] = await Promise.all([
      replica({ engine: 'buildah' }),
      replica({ engine: 'buildkit' }),
      replica(),
    ]);
    const ids = await Promise.all(Array.from({ length: 12 }, () => submitOf(acme, home)));
    await home.startWorker([`${buildah.url}#max=8`, `${buildkit.url}#max=1`, `${other.url}#max=1`]);
    for (const id of ids) expect(await home.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(buildah.payloads).toEqual([]);
    expect(buildkit.payloads.length + other.payloads.length).toBe(12);
    await expect.poll(() => enginesOf(home)).toEqual(['buildah', 'buildkit', 'unreported']);
  });

  it('wait where the engine of no replica is known yet, or what it reports is not understood', async () => {
    const home = await installation();
    let healthy = false;
    const late = await replica({ engine: 'kaniko', healthy: () => healthy });
    const id = await submitOf(acme, home);
    // The replica counts as down after some seconds. This job must begin before that.
    const ofDefault = await home.submit();
    await home.startWorker([late.url]);
    expect(await home.ended(ofDefault)).toMatchObject({ state: 'succeeded' });
    expect(late.payloads).toHaveLength(1);
    healthy = true;
    const health = async () => (await new ReplicaRegistry(home).list()).map((one) => one.health);
    await expect.poll(health).toEqual(['up']);
    expect(await enginesOf(home)).toEqual(['unknown']);
    expect(await home.job(id)).toMatchObject({ state: 'queued' });
    late.setEngine('buildkit');
    expect(await home.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(late.payloads).toHaveLength(2);
  });

  it('ask for isolation, and are placed again when a replica has become one of buildah', async () => {
    const home = await installation();
    const asked: (string | undefined)[] = [];
    const changed = await replica({ engine: 'buildkit' });
    const steady = await replica({ engine: 'buildkit' });
    const busy = held();
    steady.next(busy.behaviour);
    // It has no place for a second job, and knows no other replica.
    await home.startWorker([`${steady.url}#max=1`], { concurrency: 1 });
    const first = await submitOf(acme, home);
    await busy.begun;
    for (let call = 0; call < 3; call++)
      changed.next(({ req, res }) => {
        asked.push(req.headers['x-slipway-isolation'] as string | undefined);
        const problem = JSON.stringify({ code: 'builder_not_isolated', detail: 'buildah' });
        res.writeHead(421, { 'content-type': 'application/problem+json' }).end(problem);
      });
    await home.startWorker([`${steady.url}#max=1`, `${changed.url}#max=1`]);
    const second = await submitOf(acme, home);
    await expect.poll(() => asked.length).toBeGreaterThan(0);
    changed.setEngine('buildah');
    busy.release();
    for (const id of [first, second]) {
      const job = await home.ended(id);
      expect([job.state, job.error]).toEqual(['succeeded', undefined]);
    }
    expect(new Set(asked)).toEqual(new Set(['required']));
    expect(steady.payloads).toHaveLength(2);
  });

  it('do not count as built where the answer itself says that buildah builds', async () => {
    const home = await installation();
    let checks = 0;
    // Health checks reach one replica behind the address, builds another.
    const mixed = await replica({ engine: 'buildkit', healthy: () => ++checks > 0 });
    const steady = await replica({ engine: 'buildkit' });
    mixed.next(({ res }) => {
      res.writeHead(200, { 'content-type': 'application/x-ndjson', 'x-slipway-engine': 'buildah' });
      res.end('{"status":"success","image":"r.example/x:1"}\n');
    });
    const behind = held();
    steady.next(behind.behaviour);
    await home.startWorker([`${steady.url}#max=1`, `${mixed.url}#max=1`]);
    const ids = [await submitOf(acme, home), await submitOf(acme, home)];
    await expect.poll(() => mixed.payloads.length).toBeGreaterThan(0);
    await behind.begun;
    behind.release();
    for (const id of ids) expect(await home.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(mixed.payloads.length + steady.payloads.length).toBeGreaterThanOrEqual(3);
  });
});
