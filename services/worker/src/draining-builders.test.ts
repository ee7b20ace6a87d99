import { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type Behaviour, type Replica, startReplica, stream, success } from './testing/replica.js';
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
const stateOf = async (url: string) => {
  const { redis, keys } = installation;
  return (await new ReplicaRegistry({ redis, keys }).list()).find((each) => each.url === url);
};
/** Where a replica says that it drains: on its builds, to health checks (which otherwise get no answer), or both. */
type Said = 'builds' | 'checks' | 'both';

/** Starts a worker with two replicas, and a build. The replica that gets the build keeps it open, and is the one that leaves. */
async function begin() {
  let said: Said | undefined;
  let leaving: Replica | undefined;
  let call: Parameters<Behaviour>[0] | undefined;
  const both: Replica[] = [];
  for (const at of [0, 1]) {
    const readiness = () => {
      if (said === undefined || both[at] !== leaving) return { status: 200 };
      return said === 'builds' ? undefined : { status: 503, body: { code: 'builder_draining' } };
    };
    both.push(await replica({ readiness }));
  }
  const begun = new Promise<Replica>((resolve) => {
    for (const each of both)
      each.next((received) => {
        if (leaving) return stream(success)(received);
        [leaving, call] = [each, received];
        received.res.writeHead(200, { 'content-type': 'application/x-ndjson' });
        received.res.write(`${JSON.stringify({ status: 'in_progress', log: ['begun'] })}\n`);
        resolve(each);
      });
  });
  await installation.startWorker(both.map(({ url }) => `${url}#max=2`));
  const id = await installation.submit();
  const { url, payloads } = await begun;
  return {
    ...{ id, url, payloads },
    other: both.find((each) => each !== leaving)?.url,
    drain(to: Said) {
      said = to;
      if (to !== 'checks')
        call?.res.write(`${JSON.stringify({ status: 'in_progress', log: [], draining: true })}\n`);
    },
    end: (result: object) => void call?.res.end(`${JSON.stringify(result)}\n`),
    kill: () => void call?.res.socket?.resetAndDestroy(),
  };
}
type Leaving = Awaited<ReturnType<typeof begin>>;

async function expectNoFault({ id, url }: Pick<Leaving, 'id' | 'url'>) {
  expect(await installation.store.get(id)).toMatchObject({ spent: 0, lost: 0 });
  expect(await stateOf(url)).toMatchObject({ circuit: 'closed', faults: 0 });
}

describe('a builder that drains', () => {
  it('says so on its builds, gets no other, and finishes them', async () => {
    const leaving = await begin();
    leaving.drain('builds');
    await expect.poll(async () => (await stateOf(leaving.url))?.readiness).toBe('draining');
    leaving.drain('checks');
    const others = await Promise.all(Array.from({ length: 6 }, () => installation.submit()));
    for (const other of others) expect((await installation.ended(other)).attempts).toHaveLength(1);
    expect(leaving.payloads).toHaveLength(1);
    leaving.end(success);
    const { attempts } = await installation.ended(leaving.id);
    expect(attempts).toMatchObject([{ outcome: 'succeeded', replica: leaving.url }]);
    await expectNoFault(leaving);
  });

  const failed = (code: string) => (leaving: Leaving) =>
    leaving.end({ status: 'failed', error: 'why', code });
  it.each<[string, Said, (leaving: Leaving) => void]>([
    ['is killed', 'builds', (leaving) => leaving.kill()],
    ['is killed, and told only health checks', 'checks', (leaving) => leaving.kill()],
    ['ends its builds after its grace time', 'both', failed('builder_draining')],
    ['loses its engine first', 'both', failed('engine_unreachable')],
    ['loses its engine in the build', 'both', failed('builder_lost')],
  ])('and %s, has its builds repeated elsewhere without an attempt spent', async (_how, said, act) => {
    const leaving = await begin();
    leaving.drain(said);
    await expect.poll(async () => (await stateOf(leaving.url))?.readiness).toBe('draining');
    act(leaving);
    const { attempts } = await installation.ended(leaving.id);
    expect(attempts).toMatchObject([
      { outcome: 'builder_draining', replica: leaving.url },
      { outcome: 'succeeded', replica: leaving.other },
    ]);
    await expectNoFault(leaving);
  });

  it('refuses a new build, which goes elsewhere within the attempt', async () => {
    const [leaving, staying] = [await replica(), await replica()];
    const refusal = { status: 'failed', error: 'stopping', code: 'builder_draining', log: [] };
    for (let at = 0; at < 10; at++)
      leaving.next(({ res }) => {
        res.writeHead(503, { 'content-type': 'application/json' }).end(JSON.stringify(refusal));
      });
    await installation.startWorker([leaving, staying].map(({ url }) => `${url}#max=1`));
    const ids = await Promise.all(Array.from({ length: 6 }, () => installation.submit()));
    for (const id of ids) {
      expect((await installation.ended(id)).attempts).toMatchObject([{ outcome: 'succeeded' }]);
      await expectNoFault({ id, url: leaving.url });
    }
  });
});

it('a builder that dies without a word costs its build an attempt', async () => {
  const dying = await begin();
  dying.kill();
  expect((await installation.ended(dying.id)).attempts).toMatchObject([
    { outcome: 'builder_lost', replica: dying.url },
    { outcome: 'succeeded' },
  ]);
  expect(await installation.store.get(dying.id)).toMatchObject({ spent: 1 });
  expect(await stateOf(dying.url)).toMatchObject({ faults: 1 });
});
