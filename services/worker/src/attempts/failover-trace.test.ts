import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { type Behaviour, type Replica, startReplica, stream, success } from '../testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from '../testing/start-worker.js';
import { pathsOf, startTraced, type Traced } from '../testing/traced.js';

let traced: Traced;
let installation: Installation;
let replicas: Replica[];
beforeEach(async () => {
  traced = await startTraced();
  installation = await createInstallation(inject('redisUrl'), traced);
  replicas = await Promise.all([1, 2, 3].map(() => startReplica(payloadSecret)));
});
afterEach(async () => {
  await installation.dispose();
  await traced.close();
  await Promise.all(replicas.map((replica) => replica.stop()));
});

it('an attempt that two replicas refuse is one trace, with a failed call for each, and so say its log lines', async () => {
  const refuses =
    (status: number): Behaviour =>
    ({ res }) =>
      void res.writeHead(status, { 'content-type': 'text/plain' }).end('not now');
  // In the order in which they are asked, whichever they are.
  const answers = [refuses(429), refuses(503), stream(success)];
  const next: Behaviour = (call) => answers.shift()?.(call);
  for (const replica of replicas) replica.next(next);
  const worker = await installation.startWorker(replicas.map(({ url }) => `${url}#max=1`));
  const request = { name: 'request', begins: 'alone' } as const;
  const id = await traced.tracing.span(request, () => installation.submit());
  expect((await installation.ended(id)).attempts).toMatchObject([{ number: 1, outcome: 'succeeded' }]);
  await worker.stop();

  const spans = await traced.close();
  const job = 'request > submit job';
  expect(pathsOf(spans)).toEqual(
    [
      ...['request', job, `${job} > wait in queue`, `${job} > attempt`],
      ...['assemble payload', 'sign payload', 'wait for slot', 'keep log', 'settle'].map(
        (name) => `${job} > attempt > ${name}`,
      ),
      ...['POST /build (builder_busy)', 'POST /build (builder_unreachable)', 'POST /build'].map(
        (name) => `${job} > attempt > ${name}`,
      ),
      `${job} > attempt > POST /build (builder_busy) > stream answer (builder_busy)`,
      `${job} > attempt > POST /build (builder_unreachable) > stream answer (builder_unreachable)`,
      `${job} > attempt > POST /build > stream answer`,
    ].sort(),
  );
  const calls = spans.filter(({ name }) => name === 'POST /build');
  expect(calls.map(({ attributes }) => attributes['slipway.replica']).sort()).toEqual(
    replicas.map(({ url }) => url).sort(),
  );
  const attempt = spans.find(({ name }) => name === 'attempt');
  expect(attempt?.attributes).toMatchObject({ 'slipway.outcome': 'succeeded', 'slipway.replaced': 2 });
  const said = traced.lines.filter((line) => line.job_id === id);
  expect(said.map(({ msg }) => msg)).toContain('attempt ended');
  for (const line of said) expect(line).toMatchObject({ trace_id: attempt?.traceId });
});
