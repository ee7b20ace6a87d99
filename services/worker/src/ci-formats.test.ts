import { DeliveryStore, EndpointStore } from '@slipway/control-plane/webhooks';
import { Secret } from '@slipway/shared/config';
import { endpointRequestSchema, type WebhookEventType } from '@slipway/shared/contracts';
import { deriveKey } from '@slipway/shared/signing';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { parseWebhookTokens } from './notify/tokens.js';
import { ciToken, startCiSystem } from './testing/ci-system.js';
import { held, startReplica } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from './testing/start-worker.js';

type CiSystem = Awaited<ReturnType<typeof startCiSystem>>;

let installation: Installation;
let endpoints: EndpointStore;
let deliveries: DeliveryStore;
let ci: CiSystem;
let replica: Awaited<ReturnType<typeof startReplica>>;
beforeEach(async () => {
  installation = await createInstallation(inject('redisUrl'));
  const { redis, keys } = installation;
  const sealingKey = deriveKey(new Secret(payloadSecret), 'callback secrets');
  endpoints = new EndpointStore({ redis, keys, sealingKey });
  deliveries = new DeliveryStore({ redis, keys });
  ci = await startCiSystem();
  replica = await startReplica(payloadSecret);
});
afterEach(async () => {
  await installation.dispose();
  await replica.stop();
  await ci.close();
});

const sha = 'a94a8fe5ccb19ba61c4c0873d391e987982fbbd3';
const allOfJobs: WebhookEventType[] = [
  'job.queued',
  'job.started',
  'job.succeeded',
  'job.failed',
  'job.canceled',
];
const endpoint = async (format: object, path = '', events = allOfJobs) => {
  const request = endpointRequestSchema.parse({ url: ci.origin + path, format, events, max_in_flight: 1 });
  const created = await endpoints.create('default', request);
  return { id: created.endpoint.id, secret: created.secret };
};
const startWorker = () =>
  installation.startWorker([`${replica.url}#max=1`], {
    publicUrl: 'https://slipway.example',
    webhookTokens: parseWebhookTokens(`bot@${ci.origin}=${ciToken}`),
  });
const states = (path: string) => ci.taken(path).map(({ body }) => body.state);
const comesTo = (path: string, expected: readonly string[]) =>
  expect.poll(() => states(path)).toEqual(expected);
const github = `/repos/acme/shop/statuses/${sha}`;
const gitlab = `/api/v4/projects/acme%2Fshop/statuses/${sha}`;
const job = { function: 'openfaas-fn/cart', vcs: { repo: 'acme/shop', sha } };

/** Submits a job that waits until another job, without CI system, is released. It then builds until the test releases it. */
async function steppedJob() {
  const [before, build] = [held(), held()];
  replica.next(before.behaviour, build.behaviour);
  await installation.submit();
  await before.begun;
  const id = await installation.submit(job);
  return {
    id,
    start: async () => {
      before.release();
      await build.begun;
    },
    finish: build.release,
  };
}

describe('CI systems', () => {
  it('get the calls that they document, state by state', async () => {
    await endpoint({ type: 'github_commit_status', token: 'bot' });
    await endpoint({ type: 'gitlab_commit_status', token: 'bot' });
    await endpoint({ type: 'github_dispatch', token: 'bot', repo: 'acme/deploy', event_type: 'built' }, '', [
      'job.succeeded',
    ]);
    await endpoint({ type: 'gitlab_pipeline', token: 'bot', project: 'acme/deploy', ref: 'main' }, '', [
      'job.succeeded',
    ]);
    const hook = '/generic-webhook-trigger/invoke';
    const jenkins = await endpoint({ type: 'jenkins', token: 'bot' }, hook, ['job.succeeded']);
    await startWorker();
    const { id, start, finish } = await steppedJob();
    await comesTo(github, ['pending']);
    await comesTo(gitlab, ['pending']);
    await start();
    await comesTo(github, ['pending', 'pending']);
    await comesTo(gitlab, ['pending', 'running']);
    finish();
    await comesTo(github, ['pending', 'pending', 'success']);
    await comesTo(gitlab, ['pending', 'running', 'success']);
    const url = `https://slipway.example/jobs/${id}`;
    const name = 'slipway/openfaas-fn/cart';
    const built = 'Built sha256:111111111111';
    expect(ci.taken(github).map(({ body }) => body)).toEqual([
      { state: 'pending', context: name, description: 'Waiting to be built', target_url: url },
      { state: 'pending', context: name, description: 'Building', target_url: url },
      { state: 'success', context: name, description: built, target_url: url },
    ]);
    expect(ci.taken(gitlab).map(({ body }) => body)).toEqual([
      { state: 'pending', name, description: 'Waiting to be built', target_url: url },
      { state: 'running', name, description: 'Building', target_url: url },
      { state: 'success', name, description: built, target_url: url },
    ]);
    // The job without a commit has the targets too, though the assertions above omit it.
    for (const path of ['/repos/acme/deploy/dispatches', '/api/v4/projects/acme%2Fdeploy/', hook]) {
      await expect.poll(() => ci.taken(path).length).toBe(2);
    }
    const dispatch = ci.taken('/repos/acme/deploy/dispatches').at(-1)?.body;
    expect(dispatch).toMatchObject({
      event_type: 'built',
      client_payload: { type: 'job.succeeded', data: { job: { id }, vcs: job.vcs } },
    });
    expect(ci.taken('/api/v4/projects/acme%2Fdeploy/').at(-1)).toMatchObject({
      path: '/api/v4/projects/acme%2Fdeploy/trigger/pipeline',
      body: { ref: 'main', variables: { SLIPWAY_JOB_ID: id, SLIPWAY_STATE: 'succeeded', SLIPWAY_SHA: sha } },
    });
    const trigger = ci.taken(hook).at(-1);
    expect(trigger?.body).toMatchObject({ job_id: id, state: 'succeeded', sha, data: { job: { id } } });
    const signed = trigger?.headers as Record<string, string>;
    expect(new Webhook(jenkins.secret).verify(JSON.stringify(trigger?.body), signed)).toMatchObject({
      job_id: id,
    });
    expect(ci.calls.every(({ status }) => status < 300)).toBe(true);
  });

  it('end with the right state though they fail, and what is late is not sent', async () => {
    ci.failFirst();
    const ids = [
      (await endpoint({ type: 'github_commit_status', token: 'bot' })).id,
      (await endpoint({ type: 'gitlab_commit_status', token: 'bot' })).id,
    ];
    await startWorker();
    const { start, finish } = await steppedJob();
    await comesTo(github, ['pending']);
    await comesTo(gitlab, ['pending']);
    await start();
    // Both systems failed to take the message that the job runs. The job has ended before the retry.
    const failures = () => ci.calls.filter(({ body, status }) => body.state === 'running' && status >= 400);
    await expect.poll(() => failures().length).toBe(1);
    finish();
    await comesTo(gitlab, ['pending', 'success']);
    await expect.poll(() => states(github).at(-1)).toBe('success');
    for (const endpointId of ids) {
      const ended = async () =>
        (await deliveries.list({ tenant: 'default', endpoint: endpointId, limit: 10 })).records
          .map(({ type, state, reason }) => [type, state, reason].join(' ').trim())
          .sort();
      const late =
        endpointId === ids[1] ? 'job.started canceled stale' : /^job\.started (?:delivered|canceled stale)$/;
      await expect
        .poll(ended)
        .toEqual([
          'job.queued delivered',
          typeof late === 'string' ? late : expect.stringMatching(late),
          'job.succeeded delivered',
        ]);
    }
  });

  it('are not called with a token that is not theirs, and a refusal is final', async () => {
    const unknown = await endpoint({ type: 'github_commit_status', token: 'other' });
    const refused = await endpoint({ type: 'gitlab_commit_status', token: 'wrong' });
    await installation.startWorker([replica.url], {
      webhookTokens: parseWebhookTokens(`other@api.github.com=${ciToken},wrong@${ci.origin}=not-it`),
    });
    await installation.ended(await installation.submit(job));
    const ended = async (endpointId: string) =>
      (await deliveries.list({ tenant: 'default', endpoint: endpointId, limit: 10 })).records
        .filter(({ type }) => type === 'job.succeeded')
        .map(({ state, reason }) => [state, reason]);
    await expect
      .poll(() => ended(unknown.id))
      .toEqual([['failed', `token_unknown: WEBHOOK_TOKENS has no other for ${ci.origin}`]]);
    await expect.poll(() => ended(refused.id)).toEqual([['failed', 'refused_401']]);
    expect(ci.taken(github)).toEqual([]);
    expect(ci.calls.every(({ status, path }) => status === 401 && path === gitlab)).toBe(true);
  });
});
