import { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { held, type Replica, startReplica, stream, success } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from './testing/start-worker.js';

let installation: Installation;
let replicas: Replica[];
beforeEach(async () => {
  installation = await createInstallation(inject('redisUrl'));
  replicas = [];
});
afterEach(async () => {
  await installation.dispose();
  await Promise.all(replicas.map((replica) => replica.stop()));
});
const replica = async (options?: Parameters<typeof startReplica>[1]) => {
  const started = await startReplica(payloadSecret, options);
  replicas.push(started);
  return started;
};
const stateOf = async ({ url }: Replica) => {
  const { redis, keys } = installation;
  return (await new ReplicaRegistry({ redis, keys }).list()).find((each) => each.url === url);
};
const submitMany = (count: number) => Promise.all(Array.from({ length: count }, () => installation.submit()));
const outcomes = async (ids: readonly string[]) => {
  const jobs = await Promise.all(ids.map((id) => installation.ended(id)));
  return jobs.map(({ attempts }) => attempts.map(({ outcome }) => outcome));
};
/** Limit of calls of a replica while its engine is dead: concurrent calls, and one call each time its circuit lets one through. */
const fewCalls = 8;

describe('a replica whose engine is dead', () => {
  it('gets a few calls, and all jobs go to the other replica without an attempt spent', async () => {
    const [dead, alive] = [await replica(), await replica()];
    dead.setEngineDead(true);
    await installation.startWorker([`${dead.url}#max=4`, `${alive.url}#max=4`]);
    const ids = await submitMany(20);
    expect(await outcomes(ids)).toEqual(ids.map(() => ['succeeded']));
    expect(dead.payloads.length).toBeLessThanOrEqual(fewCalls);
    expect(alive.payloads).toHaveLength(20);
    await expect.poll(async () => (await stateOf(dead))?.readiness).toBe('broken');
    await expect.poll(async () => (await stateOf(alive))?.readiness).toBe('ready');
  });

  it('is not called while no other is there; jobs wait, and succeed when the engine is back', async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error) => warnings.push(name);
    process.on('warning', onWarning);
    onTestFinished(() => void process.off('warning', onWarning));
    const both = [await replica(), await replica()];
    for (const each of both) each.setEngineDead(true);
    await installation.startWorker(both.map(({ url }) => `${url}#max=2`));
    const ids = await submitMany(15);
    for (const each of both) await expect.poll(async () => (await stateOf(each))?.readiness).toBe('broken');
    const calls = both.map(({ payloads }) => payloads.length);
    for (const count of calls) expect(count).toBeLessThanOrEqual(fewCalls);
    // As long as three looks at the replicas take: none of them is called.
    const seen = await installation.redis.time();
    await expect
      .poll(async () => Number((await installation.redis.time())[0]) - Number(seen[0]))
      .toBeGreaterThan(6);
    expect(both.map(({ payloads }) => payloads.length)).toEqual(calls);
    for (const each of both) each.setEngineDead(false);
    expect(await outcomes(ids)).toEqual(ids.map(() => ['succeeded']));
    expect(warnings).toEqual([]);
  });

  it('that says ready all the same is found by the calls: its circuit opens at the first', async () => {
    const [dead, alive] = [
      await replica({ readiness: () => ({ status: 200 }) }),
      await replica({ readiness: () => ({ status: 200 }) }),
    ];
    dead.setEngineDead(true);
    await installation.startWorker([`${dead.url}#max=1`, `${alive.url}#max=1`]);
    const ids = await submitMany(10);
    expect(await outcomes(ids)).toEqual(ids.map(() => ['succeeded']));
    expect(await stateOf(dead)).toMatchObject({ circuit: expect.stringMatching(/open|probing/), builds: 0 });
    expect((await stateOf(dead))?.faults).toBe(dead.payloads.length);
    expect(dead.payloads.length).toBeLessThanOrEqual(fewCalls);
  });

  it('sends a job that no other replica can build back to the queue, which its record counts', async () => {
    const dead = await replica({ readiness: () => ({ status: 200 }) });
    dead.setEngineDead(true);
    await installation.startWorker([`${dead.url}#max=1`]);
    const id = await installation.submit();
    await expect.poll(async () => (await installation.job(id)).placements).toBe(2);
    expect(await installation.job(id)).toMatchObject({ attempts: [] });
    dead.setEngineDead(false);
    expect(await outcomes([id])).toEqual([['succeeded']]);
  });

  it('and died in the middle of a build costs that build one attempt', async () => {
    const both = [await replica(), await replica()];
    const eof =
      'failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF';
    let dead: Replica | undefined;
    for (const each of both)
      each.next((call) => {
        if (dead) return stream(success)(call);
        dead = each;
        each.setEngineDead(true);
        return stream({ status: 'failed', error: eof })(call);
      });
    await installation.startWorker(both.map(({ url }) => `${url}#max=1`));
    const ids = await submitMany(6);
    const all = await outcomes(ids);
    expect(all.filter((each) => each.length === 2)).toEqual([['builder_lost', 'succeeded']]);
    expect(all.filter((each) => each.length === 1)).toEqual(Array(5).fill(['succeeded']));
    expect(dead && (await stateOf(dead))?.faults).toBeGreaterThan(0);
  });

  it('is detected by its refusal alone, which costs no attempt', async () => {
    const [dead, alive] = [
      await replica({ readiness: () => ({ status: 200 }) }),
      await replica({ readiness: () => ({ status: 200 }) }),
    ];
    for (let at = 0; at < 20; at++)
      dead.next(({ res }) => {
        const refusal = { status: 'failed', error: 'BuildKit does not answer', code: 'engine_unreachable' };
        res.writeHead(503, { 'content-type': 'application/json' }).end(JSON.stringify(refusal));
      });
    await installation.startWorker([`${dead.url}#max=1`, `${alive.url}#max=1`]);
    expect(await outcomes(await submitMany(6))).toEqual(Array(6).fill(['succeeded']));
    expect((await stateOf(dead))?.faults).toBe(dead.payloads.length);
  });
});

describe('readiness', () => {
  const notReady = (code?: string) => () => ({ status: 503, ...(code && { body: { code, detail: 'why' } }) });

  it.each([
    ['full', 'builder_busy'],
    ['draining', 'builder_draining'],
    ['broken', 'engine_unreachable'],
    ['broken', 'storage_full'],
  ])('is %s where /ready gives the reason %s', async (readiness, code) => {
    const each = await replica({ readiness: notReady(code) });
    await installation.startWorker([`${each.url}#max=2`]);
    await expect.poll(async () => (await stateOf(each))?.readiness).toBe(readiness);
    expect(await stateOf(each)).toMatchObject({ health: 'up', circuit: 'closed', faults: 0 });
  });

  it('without a reason is full while Slipway builds there, and broken otherwise', async () => {
    let begun = false;
    const each = await replica({ readiness: () => ({ status: begun ? 503 : 200 }) });
    const slow = held();
    each.next(slow.behaviour);
    await installation.startWorker([`${each.url}#max=1`]);
    const id = await installation.submit();
    await slow.begun;
    begun = true;
    await expect.poll(async () => (await stateOf(each))?.readiness).toBe('full');
    slow.release();
    expect((await installation.ended(id)).state).toBe('succeeded');
    await expect.poll(async () => (await stateOf(each))?.readiness).toBe('broken');
    begun = false;
    await expect.poll(async () => (await stateOf(each))?.readiness).toBe('ready');
  });
});
