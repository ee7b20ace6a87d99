import { randomBytes } from 'node:crypto';
import type { EndpointRecord } from '@slipway/control-plane/webhooks';
import { Secret } from '@slipway/shared/config';
import { newId } from '@slipway/shared/ids';
import { deriveKey, seal, unseal, webhookSecrets } from '@slipway/shared/signing';
import { Webhook } from 'standardwebhooks';
import { describe, expect, inject, it } from 'vitest';
import { parseWebhookTokens } from './notify/tokens.js';
import { type ReceivedCall, status } from './testing/receiver.js';
import { held, startReplica } from './testing/replica.js';
import { payloadSecret } from './testing/start-worker.js';
import { arrived, received, useWebhooks } from './testing/webhooks.js';

const { webhooks, receiver, endpoint, startWorker, canceled, deliveriesTo } = useWebhooks(inject('redisUrl'));
const verify = (secret: string, { body, headers }: ReceivedCall) =>
  new Webhook(secret).verify(body, headers as Record<string, string>);

describe('endpoints', () => {
  it('receive the events that they subscribe to, by type, labels and tenant', async () => {
    const [ends, labelled, all, foreign] = [
      await receiver(),
      await receiver(),
      await receiver(),
      await receiver(),
    ];
    await endpoint(ends);
    await endpoint(labelled, { events: ['job.queued', 'job.canceled'], labels: { team: 'a', env: 'prod' } });
    await endpoint(all, { events: ['job.queued', 'job.started', 'job.canceled'] });
    await endpoint(foreign, {}, 'other');
    await endpoint(`${foreign.url}/off`, { enabled: false }, 'other');
    await startWorker();
    const mine = await canceled({ labels: { team: 'a', env: 'prod', more: 'x' } });
    const half = await canceled({ labels: { team: 'a' } });
    const theirs = await canceled({ labels: { team: 'a', env: 'prod' } }, 'other');
    await arrived(all, 4);
    await arrived(ends, 2);
    await arrived(labelled, 2);
    await arrived(foreign, 1);
    // Whatever else is wrongly sent would be sent before what comes after it in the stream.
    const last = await canceled();
    const lastOfOther = await canceled({}, 'other');
    await arrived(all, 6);
    await arrived(ends, 3);
    await arrived(foreign, 2);
    expect(received(ends).sort()).toEqual([mine, half, last].map((id) => ['job.canceled', id]).sort());
    expect(received(labelled).sort()).toEqual([
      ['job.canceled', mine],
      ['job.queued', mine],
    ]);
    expect(received(all)).toHaveLength(6);
    expect(received(foreign).sort()).toEqual([theirs, lastOfOther].map((id) => ['job.canceled', id]).sort());
  });

  it('receive the events of a job in order, with links to the API', async () => {
    const hook = await receiver();
    await endpoint(hook, { events: ['job.queued', 'job.started', 'job.succeeded'] });
    const builder = await startReplica(payloadSecret);
    webhooks.closing.push(() => builder.stop());
    await startWorker({ publicUrl: 'https://slipway.example/ci' }, [builder.url]);
    const id = await webhooks.installation.submit();
    await webhooks.installation.ended(id);
    await arrived(hook, 3);
    const messages = hook.messages().sort((a, b) => a.data.sequence - b.data.sequence);
    expect(messages.map(({ type, data }) => [type, data.url])).toEqual(
      ['job.queued', 'job.started', 'job.succeeded'].map((type) => [
        type,
        `https://slipway.example/ci/v1/jobs/${id}`,
      ]),
    );
    expect(new Set(hook.calls.map(({ id: each }) => each)).size).toBe(3);
  });

  it('wait for no other: one that hangs, with hundreds of messages', async () => {
    const [slow, quick] = [await receiver(), await receiver()];
    slow.answer(() => undefined);
    const settings = { events: ['job.canceled' as const] };
    await endpoint(slow, settings);
    await endpoint(quick, settings);
    const started = performance.now();
    await startWorker();
    const ids: string[] = [];
    for (let n = 0; n < 300; n++) ids.push(await canceled());
    await arrived(quick, 300);
    expect(new Set(received(quick).map(([, id]) => id))).toEqual(new Set(ids));
    // Ten requests run at once, and each hangs for 15 s.
    const rounds = Math.ceil((performance.now() - started) / 15_000);
    expect(slow.calls.length).toBeGreaterThanOrEqual(10);
    expect(slow.calls.length).toBeLessThanOrEqual(10 * rounds);
  });

  it('are switched off by 410, which the others receive as an event', async () => {
    const [gone, other, foreign] = [await receiver(), await receiver(), await receiver()];
    gone.answer(status(410));
    const events = ['job.canceled' as const, 'webhook.disabled' as const];
    const { id } = await endpoint(gone, { events });
    const { id: otherId } = await endpoint(other, { events: ['webhook.disabled'], labels: { team: 'a' } });
    const { id: foreignId } = await endpoint(
      foreign,
      { events: ['webhook.disabled', 'job.canceled'] },
      'other',
    );
    await startWorker();
    await canceled();
    await arrived(other, 1);
    expect(other.messages()[0]).toMatchObject({
      type: 'webhook.disabled',
      data: { url: `/v1/webhooks/${id}`, webhook: { id, url: gone.url, reason: 'gone' } },
    });
    expect(await webhooks.endpoints.get('default', id)).toMatchObject({
      enabled: false,
      disabled: { reason: 'gone' },
    });
    expect(await deliveriesTo(id)).toMatchObject([
      { state: 'failed', reason: 'gone', attempts: [{ number: 1, status: 410 }] },
    ]);
    // What comes now is recorded, so that it can be recovered, and not sent.
    await canceled();
    await canceled({}, 'other');
    await arrived(foreign, 1);
    await expect.poll(async () => (await deliveriesTo(id)).length).toBe(2);
    expect((await deliveriesTo(id)).map(({ state }) => state)).toEqual(['failed', 'failed']);
    expect(gone.calls).toHaveLength(1);
    expect(foreign.messages().map(({ type }) => type)).toEqual(['job.canceled']);
    expect(await deliveriesTo(otherId)).toHaveLength(1);
    expect(await deliveriesTo(foreignId)).toEqual([]);
  });

  it('get every message when they are back, with the same id, the same bytes and both signatures', async () => {
    const hook = await receiver();
    const { id, secret } = await endpoint(hook, { events: ['job.canceled'] });
    hook.answer(status(503));
    await startWorker();
    const first = await canceled();
    await arrived(hook, 1);
    await expect.poll(async () => (await deliveriesTo(id))[0]?.attempts.length).toBe(1);
    await hook.close();
    const second = await canceled();
    await expect
      .poll(async () => (await deliveriesTo(id)).map(({ attempts }) => attempts.at(-1)?.error))
      .toContain('ECONNREFUSED');
    const rotated = (await webhooks.endpoints.rotate('default', id))?.secret ?? '';
    hook.answer(status(200));
    await hook.open();
    await arrived(hook, 3);
    await expect
      .poll(async () => (await deliveriesTo(id)).map(({ state }) => state))
      .toEqual(['delivered', 'delivered']);
    const [failed, ...delivered] = hook.calls as [ReceivedCall, ...ReceivedCall[]];
    const again = delivered.find((call) => call.id === failed.id);
    expect(again?.body).toBe(failed.body);
    expect(new Set(received(hook).map(([, job]) => job))).toEqual(new Set([first, second]));
    expect(verify(secret, failed)).toMatchObject({ type: 'job.canceled' });
    expect(() => verify(rotated, failed)).toThrow();
    for (const call of delivered) {
      for (const known of [secret, rotated]) expect(verify(known, call)).toMatchObject({ api_version: 'v1' });
    }
  });

  it('of the default tenant receive the event that the circuit of a replica has opened', async () => {
    const [hook, foreign] = [await receiver(), await receiver()];
    const events = ['builder.circuit_opened' as const, 'job.canceled' as const];
    await endpoint(hook, { events, labels: { team: 'a' } });
    const { id: foreignId } = await endpoint(foreign, { events }, 'other');
    const builder = await startReplica(payloadSecret);
    await startWorker({}, [builder.url]);
    await builder.stop();
    for (let n = 0; n < 5; n++) await webhooks.installation.submit();
    await arrived(hook, 1);
    expect(hook.messages()[0]).toMatchObject({
      type: 'builder.circuit_opened',
      data: { builder: { url: builder.url } },
    });
    await canceled({}, 'other');
    await arrived(foreign, 1);
    expect(foreign.messages()[0]?.type).toBe('job.canceled');
    // Not even on record, for the tenant that it would be made for.
    expect(await deliveriesTo(foreignId)).toEqual([]);
  });
});

describe('a status of a commit', () => {
  const vcs = { repo: 'acme/shop', sha: 'a'.repeat(40) };

  it('is set with the token of the host, and never back to an earlier one', async () => {
    const api = await receiver();
    const { origin, host } = new URL(api.url);
    const { id } = await endpoint(origin, {
      events: ['job.started', 'job.succeeded'],
      format: { type: 'github_commit_status', token: 'gh' },
    });
    const builder = await startReplica(payloadSecret);
    webhooks.closing.push(() => builder.stop());
    const slow = held();
    builder.next(slow.behaviour);
    const webhookTokens = parseWebhookTokens(`gh@http://${host}=s3cr3t-token`);
    await startWorker({ webhookTokens }, [builder.url]);
    api.answer((res, { headers }) => res.writeHead(500).end(`you said ${headers.authorization}`));
    await webhooks.installation.submit({ vcs });
    await arrived(api, 1);
    await expect.poll(async () => (await deliveriesTo(id))[0]?.attempts.length).toBe(1);
    api.answer(status(201));
    slow.release();
    await expect
      .poll(async () => (await deliveriesTo(id)).map(({ type, state, reason }) => [type, state, reason]))
      .toEqual([
        ['job.succeeded', 'delivered', undefined],
        ['job.started', 'canceled', 'stale'],
      ]);
    expect(api.calls.map(({ path, body }) => [path, JSON.parse(body).state])).toEqual([
      [`/repos/acme/shop/statuses/${vcs.sha}`, 'pending'],
      [`/repos/acme/shop/statuses/${vcs.sha}`, 'success'],
    ]);
    expect(api.calls[0]?.headers).toMatchObject({ authorization: 'Bearer s3cr3t-token' });
    expect(api.calls[0]?.headers).not.toHaveProperty('webhook-signature');
    expect(JSON.stringify(await deliveriesTo(id))).not.toContain('s3cr3t-token');
  });
});

describe('what cannot be sent', () => {
  const ended = (id: string) =>
    expect
      .poll(async () => (await deliveriesTo(id)).map(({ state, reason }) => [state, reason]))
      .not.toContainEqual(['pending', undefined]);

  it('fails at once, and says what the operator must correct', async () => {
    const api = await receiver();
    const { id } = await endpoint(new URL(api.url).origin, {
      events: ['job.canceled'],
      format: { type: 'github_dispatch', token: 'gh', repo: 'acme/shop', event_type: 'slipway' },
    });
    await startWorker();
    await canceled();
    await expect.poll(async () => (await deliveriesTo(id)).length).toBe(1);
    await ended(id);
    expect(await deliveriesTo(id)).toMatchObject([
      { state: 'failed', reason: expect.stringMatching(/^token_unknown: .*gh/), attempts: [] },
    ]);
    expect(api.calls).toEqual([]);
  });

  it('fails when the secret was sealed with another payload secret', async () => {
    const hook = await receiver();
    const { id } = await endpoint(hook, { events: ['job.canceled'] });
    await startWorker({ payloadSecret: new Secret('another') });
    await canceled();
    await expect.poll(async () => (await deliveriesTo(id)).length).toBe(1);
    await ended(id);
    expect(await deliveriesTo(id)).toMatchObject([{ state: 'failed', reason: 'secret_unreadable' }]);
    expect(hook.calls).toEqual([]);
  });
});

describe('while the payload secret is replaced', () => {
  const [replaced, current] = [new Secret(payloadSecret), new Secret('the next payload secret')];
  const replacing = { payloadSecret: current, previousPayloadSecrets: [replaced] };
  const opens = (by: Secret, { id, sealedSecret }: EndpointRecord) => {
    try {
      return unseal(deriveKey(by, 'callback secrets'), sealedSecret, id);
    } catch {
      return undefined;
    }
  };

  it('secrets under the one before open, the leader seals them again, and both sign for callbacks without one', async () => {
    const [hook, own, bare] = [await receiver(), await receiver(), await receiver()];
    const { id, secret } = await endpoint(hook, { events: ['job.canceled'] });
    const given = `whsec_${randomBytes(24).toString('base64')}`;
    const jobId = newId('job');
    const sealedCallbackSecret = seal(deriveKey(replaced, 'callback secrets'), given, jobId);
    const options = { tenant: { name: 'default', weight: 1 }, sealedCallbackSecret };
    await webhooks.installation.create(jobId, { callback: { url: own.url } }, options);
    await webhooks.installation.store.cancel(jobId);
    await canceled({ callback: { url: bare.url } });
    await startWorker(replacing);
    await arrived(hook, 2);
    await arrived(own, 1);
    await arrived(bare, 1);
    expect(verify(secret, hook.calls[0] as ReceivedCall)).toMatchObject({ type: 'job.canceled' });
    expect(verify(given, own.calls[0] as ReceivedCall)).toMatchObject({ type: 'job.canceled' });
    const installations = webhookSecrets({ ...replacing, webhookSecret: undefined });
    expect(installations).toHaveLength(2);
    for (const each of installations) {
      expect(verify(each.reveal(), bare.calls[0] as ReceivedCall)).toMatchObject({ type: 'job.canceled' });
    }
    const record = async () => (await webhooks.endpoints.get('default', id)) as EndpointRecord;
    await expect.poll(async () => opens(current, await record())).toBe(secret);
    expect(opens(replaced, await record())).toBeUndefined();
  });
});
