import { Secret } from '@slipway/shared/config';
import { parseAllowlist } from '@slipway/shared/egress';
import { deriveKey, seal, webhookSecrets } from '@slipway/shared/signing';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type ReceivedCall, startReceiver } from './testing/receiver.js';
import { startReplica, stream, success } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret, tenant } from './testing/start-worker.js';

let installation: Installation;
const cleanUp: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  installation = await createInstallation(inject('redisUrl'));
  cleanUp.push(() => installation.dispose());
});
afterEach(async () => {
  for (const step of cleanUp.splice(0)) await step();
});
const parts = async () => {
  const [builder, hook] = [await startReplica(payloadSecret), await startReceiver()];
  cleanUp.push(
    () => builder.stop(),
    () => hook.close(),
  );
  return { builder, hook };
};
const headersOf = (call?: ReceivedCall) => (call?.headers ?? {}) as Record<string, string>;

describe('callbacks', () => {
  it('reports the end of a job to its callback, signed with its own secret', async () => {
    const { builder, hook } = await parts();
    const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
    const key = deriveKey(new Secret(payloadSecret), 'callback secrets');
    await installation.startWorker([builder.url]);
    // The seal is bound to the job's id, so the record is written with one that is known.
    const id = `job_${'0'.repeat(26)}`;
    const { spec } =
      (await installation.store.get(await installation.record({ callback: { url: hook.url } }))) ?? {};
    if (!spec) throw new Error('no record');
    await installation.store.create(
      id,
      { ...spec, image: 'r.example/other:1', labels: { sha: 'abc' } },
      { tenant, sealedCallbackSecret: seal(key, secret, id) },
    );
    await expect.poll(() => hook.calls.length).toBeGreaterThan(1);
    const call = hook.calls.find(({ body }) => body.includes(id));
    expect(new Webhook(secret).verify(call?.body ?? '', headersOf(call))).toMatchObject({
      type: 'job.succeeded',
      data: { job: { id, state: 'succeeded' }, digest: success.digest, labels: { sha: 'abc' } },
    });
  });

  it("signs with the installation's key otherwise, and repeats what was not taken under the same id", async () => {
    const { builder, hook } = await parts();
    builder.next(stream({ status: 'failed', error: 'exit code: 1', log: ['step 2'] }));
    hook.answer((res) => res.writeHead(hook.calls.length > 1 ? 204 : 500).end());
    await installation.startWorker([builder.url]);
    await installation.submit({ callback: { url: hook.url } });
    await expect.poll(() => hook.calls.length).toBe(2);
    const [first, second] = hook.calls;
    expect(first?.headers['webhook-id']).toBe(second?.headers['webhook-id']);
    const [key] = webhookSecrets({
      webhookSecret: undefined,
      payloadSecret: new Secret(payloadSecret),
      previousPayloadSecrets: [],
    });
    expect(new Webhook(key?.reveal() ?? '').verify(second?.body ?? '', headersOf(second))).toMatchObject({
      type: 'job.failed',
      data: { code: 'build_failed', detail: 'exit code: 1' },
    });
  });

  it('goes to no address that it may not go to, and is not tried again', async () => {
    const { builder, hook } = await parts();
    const worker = await installation.startWorker([builder.url], { egressAllow: parseAllowlist('') });
    const id = await installation.submit({ callback: { url: hook.url } });
    await installation.ended(id);
    await expect
      .poll(async () => await (await fetch(`${worker.url}/metrics`)).text())
      .toMatch(/deliveries_total\{outcome="refused"\} 1/);
    expect(hook.calls).toEqual([]);
  });
});
