import { cacheNamespaceArg, isTerminal, tenantSettingsSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { TenantStore } from '@slipway/shared/tenants';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { held, type Replica, startReplica } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from './testing/start-worker.js';

let installation: Installation;
let builder: Replica;
beforeEach(async () => {
  installation = await createInstallation(inject('redisUrl'));
  builder = await startReplica(payloadSecret);
});
afterEach(async () => {
  await installation.dispose();
  await builder.stop();
});

it('of a tenant no more jobs are built at once than it may have; others go by them, and each has its turn', async () => {
  const { redis, keys, store } = installation;
  const tenants = new TenantStore({ redis, keys });
  await tenants.put('team', tenantSettingsSchema.parse({ images: ['*'], limits: { running_jobs: 2 } }));
  const [first, second] = [held(), held()];
  builder.next(first.behaviour);
  builder.next(second.behaviour);
  await installation.startWorker([`${builder.url}#max=8`]);
  const submit = async (tenant: string) => {
    const id = newId('job');
    await installation.create(
      id,
      { image: `r.example/${id.slice(4)}:1` },
      { tenant: { name: tenant, weight: 1 } },
    );
    return id;
  };
  const own = [await submit('team'), await submit('team')];
  await Promise.all([first.begun, second.begun]);
  own.push(await submit('team'), await submit('team'), await submit('team'));
  const waiting = () => redis.zcard(`${keys.base}tenant:parked:team`);
  await expect.poll(waiting, { timeout: 15_000 }).toBe(3);
  const other = await submit('other');
  await expect.poll(async () => (await store.get(other))?.state, { timeout: 15_000 }).toBe('succeeded');
  expect(await tenants.usage('team')).toMatchObject({ queuedJobs: 3, runningJobs: 2 });
  first.release();
  second.release();
  const states = async () =>
    await Promise.all(own.map(async (id) => (await store.get(id))?.state ?? 'queued'));
  await expect.poll(async () => (await states()).every(isTerminal), { timeout: 15_000 }).toBe(true);
  expect(await states()).toEqual(own.map(() => 'succeeded'));
  expect(await waiting()).toBe(0);
});

it('a build sees the cache mounts of its tenant, whatever it says itself', async () => {
  await installation.startWorker([`${builder.url}#max=1`]);
  const changes = { image: 'r.example/cached:1', build_args: { A: '1', [cacheNamespaceArg]: 'other' } };
  for (const tenant of ['team', 'default']) {
    const id = newId('job');
    await installation.create(id, { ...changes, force: true }, { tenant: { name: tenant, weight: 1 } });
    expect((await installation.ended(id)).state).toBe('succeeded');
  }
  const [ofTeam, ofDefault] = builder.payloads.map((payload) => payload.toString('latin1'));
  expect(ofTeam).toContain(`"buildArgs":{"A":"1","${cacheNamespaceArg}":"team"}`);
  expect(ofDefault).toContain('"buildArgs":{"A":"1"}');
});
