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

it('a build whose slot is lost is aborted, and begins again without spending an attempt', async () => {
  const { redis, keys } = installation;
  const slow = held();
  builder.next(slow.behaviour);
  await installation.startWorker([builder.url]);
  const id = await installation.submit();
  await slow.begun;
  expect(await redis.del(keys.slots(builder.url))).toBe(1);
  await expect.poll(() => builder.abandoned()).toBe(1);
  expect((await installation.ended(id)).attempts).toMatchObject([{ outcome: 'succeeded' }]);
  expect(await installation.store.get(id)).toMatchObject({ spent: 0, lost: 0 });
  expect(builder.payloads).toHaveLength(2);
});
