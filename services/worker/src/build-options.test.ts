import { newId } from '@slipway/shared/ids';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { held, type Replica, startReplica } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from './testing/start-worker.js';

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

const options = {
  ...{ dockerfile: 'prod.Dockerfile', target: 'release', tags: ['r.example/x:latest'] },
  ...{ image_labels: { a: 'b' }, annotations: { c: 'd' }, no_cache: true, pull: true },
};

const configOf = (payload: Buffer | undefined) =>
  JSON.parse(/\{"image":.*?\}(?=\0)/s.exec(payload?.toString('latin1') ?? '')?.[0] ?? '{}');

describe('jobs with build options', () => {
  it('go only to replicas that know them, which get all of them under their own names', async () => {
    const home = await installation();
    const [other, ours] = await Promise.all([
      replica(),
      replica({ engine: 'buildkit', features: 'later, build-options' }),
    ]);
    const ids = await Promise.all(
      // Jobs that share a tag would wait for each other.
      [1, 2, 3, 4].map((at) =>
        home.submit({ ...options, image: `r.example/y${at}:1`, tags: [`r.example/y${at}:latest`] }),
      ),
    );
    await home.startWorker([`${other.url}#max=8`, `${ours.url}#max=1`]);
    for (const id of ids) expect(await home.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(other.payloads).toEqual([]);
    expect(configOf(ours.payloads[0])).toMatchObject({
      ...{ dockerfile: 'prod.Dockerfile', target: 'release' },
      tags: [expect.stringMatching(/^r\.example\/y\d:latest$/)],
      ...{ labels: { a: 'b' }, annotations: { c: 'd' }, noCache: true, pull: true },
    });
  });

  it.each(Object.entries(options))(
    'fail with a code of their own where no replica knows %s',
    async (name, value) => {
      const home = await installation();
      const other = await replica();
      const id = await home.submit({ [name]: value });
      await home.startWorker([other.url]);
      const job = await home.ended(id);
      expect(job).toMatchObject({ state: 'failed', error: { code: 'no_builder_with_options' } });
      expect(other.payloads).toEqual([]);
      const plain = { tags: [], image_labels: {}, annotations: {}, no_cache: false, pull: false };
      expect(await home.ended(await home.submit(plain))).toMatchObject({ state: 'succeeded' });
      expect(Object.keys(configOf(other.payloads[0])).toSorted()).toEqual(['buildArgs', 'image']);
    },
  );

  it('wait where no replica was asked yet', async () => {
    const home = await installation();
    let healthy = false;
    const late = await replica({ features: 'build-options', healthy: () => healthy });
    const id = await home.submit(options);
    await home.startWorker([late.url]);
    expect(await home.ended(await home.submit())).toMatchObject({ state: 'succeeded' });
    expect(await home.job(id)).toMatchObject({ state: 'queued' });
    healthy = true;
    expect(await home.ended(id)).toMatchObject({ state: 'succeeded' });
  });

  it('do not count as built where the answer itself does not say that its builder knows them', async () => {
    const home = await installation();
    const features = 'build-options';
    const [mixed, steady] = await Promise.all([replica({ features }), replica({ features })]);
    mixed.next(({ res }) => {
      res.removeHeader('x-slipway-features');
      res.writeHead(200, { 'content-type': 'application/x-ndjson' });
      res.end('{"status":"success","image":"r.example/x:1"}\n');
    });
    const behind = held();
    steady.next(behind.behaviour);
    await home.startWorker([`${steady.url}#max=1`, `${mixed.url}#max=1`]);
    const submit = () => home.submit({ target: 'a', image: `r.example/${newId('job').toLowerCase()}:1` });
    const ids = [await submit(), await submit()];
    await expect.poll(() => mixed.payloads.length).toBeGreaterThan(0);
    await behind.begun;
    behind.release();
    for (const id of ids) expect(await home.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(mixed.payloads.length + steady.payloads.length).toBeGreaterThanOrEqual(3);
  });
});
