import { TenantStore } from '@slipway/control-plane/tenants';
import {
  cacheNamespaceArg,
  isTerminal,
  sandboxHostnameArg,
  tenantSettingsSchema,
} from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
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
  await expect.poll(waiting).toBe(3);
  const other = await submit('other');
  await expect.poll(async () => (await store.get(other))?.state).toBe('succeeded');
  expect(
    await tenants.usage({ name: 'team', settings: tenantSettingsSchema.parse({ images: [] }) }),
  ).toMatchObject({ queuedJobs: 3, runningJobs: 2 });
  first.release();
  second.release();
  const states = async () =>
    await Promise.all(own.map(async (id) => (await store.get(id))?.state ?? 'queued'));
  await expect.poll(async () => (await states()).every(isTerminal)).toBe(true);
  expect(await states()).toEqual(own.map(() => 'succeeded'));
  expect(await waiting()).toBe(0);
});

/** The build arguments of each payload that the replica was sent. */
const sentArguments = (): Record<string, string>[] =>
  builder.payloads.map((payload) => {
    const [, json = '{}'] = /"buildArgs":(\{[^}]*\})/.exec(payload.toString('latin1')) ?? [];
    return JSON.parse(json);
  });

it('a build has the cache mounts and the layers of its tenant, whatever it says itself', async () => {
  await installation.startWorker([`${builder.url}#max=1`]);
  await installation.startWorker([`${builder.url}#max=1`]);
  const chosen = {
    [cacheNamespaceArg]: 'other',
    [sandboxHostnameArg]: 'other',
    buildkit_sandbox_hostname: 'other',
  };
  const tenants = ['team', 'default', 'team', 'other'];
  for (const tenant of tenants) {
    const id = newId('job');
    const changes = { image: 'r.example/cached:1', build_args: { A: '1', ...chosen }, force: true };
    await installation.create(id, changes, { tenant: { name: tenant, weight: 1 } });
    expect((await installation.ended(id)).state).toBe('succeeded');
  }
  const sent = sentArguments();
  const hostnames = sent.map((args) => args[sandboxHostnameArg]);
  expect(sent).toEqual(
    tenants.map((tenant, at) => ({
      A: '1',
      ...(tenant !== 'default' && { [cacheNamespaceArg]: tenant }),
      [sandboxHostnameArg]: hostnames[at],
    })),
  );
  expect(hostnames[2]).toBe(hostnames[0]);
  expect(new Set(hostnames).size).toBe(3);
  for (const hostname of hostnames) expect(hostname).toMatch(/^[0-9a-f]{32}$/);
});

it('jobs wait while the isolation key cannot be opened, and the worker says so', async () => {
  const { redis, keys } = installation;
  await redis.hset(keys.isolation, 'key', 'sealed with something else');
  const worker = await installation.startWorker([builder.url], {}, { ready: false });
  const id = await installation.submit();
  const ready = async () => {
    const answer = await fetch(`${worker.url}/readyz`);
    return [answer.status, ((await answer.json()) as { code?: string }).code];
  };
  await expect.poll(ready).toEqual([503, 'isolation_key_unreadable']);
  expect(await installation.job(id)).toMatchObject({ state: 'queued', attempts: [] });
  await redis.del(keys.isolation);
  expect(await installation.ended(id)).toMatchObject({ state: 'succeeded', attempts: [{ number: 1 }] });
  expect(await ready()).toEqual([200, undefined]);
});
