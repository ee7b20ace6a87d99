import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CampaignFunction, type Client, createClient } from '@slipway/client';
import type { WebhookMessage } from '@slipway/shared/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from './stack.js';

let stack: Stack;
let client: Client;
let hook: string;
let close: () => void;
const received: WebhookMessage[] = [];

beforeAll(async () => {
  stack = await startStack({
    slots: 4,
    env: { builder: { REPRODUCIBLE: 'true' }, worker: { BASE_IMAGE_CHECK_SECONDS: '1' } },
  });
  client = createClient({ url: stack.url, token: stack.token });
  const server = createServer(async (req, res) => {
    received.push(JSON.parse(Buffer.concat(await req.toArray()).toString('utf8')));
    res.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  hook = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  close = () => server.close();
});
afterAll(async () => {
  close?.();
  await stack?.stop();
});

/** Pushes a base image in which only the file `version` differs. */
async function pushBase(name: string, version: string): Promise<string> {
  const image = `${stack.registry}/bases/${name}:1`;
  const files = {
    Dockerfile: 'FROM scratch\nCOPY version /version\nCOPY fixed /fixed\n',
    ...{ version, fixed: `of ${name}` },
  };
  const { id } = await client.submitJob({ spec: { image, source: { files } } });
  expect(await client.waitForEnd({ id })).toMatchObject({ state: 'succeeded' });
  return image;
}

const contains = (base: string) => `FROM ${base}\nCOPY own /own\n`;
const copiesFrom = (base: string) =>
  `FROM ${base} AS build\nFROM scratch\nCOPY --from=build /fixed /fixed\nCOPY own /own\n`;

/** Builds functions from their Dockerfiles. */
async function build(functions: Readonly<Record<string, string>>): Promise<void> {
  const items = Object.entries(functions).map(([name, Dockerfile]) => ({
    function: `dev/${name}`,
    image: `${stack.registry}/fn/${name}:1`,
    source: { files: { Dockerfile, own: name } },
  }));
  const { id } = await client.submitBatch({ batch: { defaults: {}, items } });
  expect((await client.waitForBatch({ id })).counts).toMatchObject({ succeeded: items.length });
}

/** Returns the digest of an image in the registry. */
async function digestOf(name: string): Promise<string | null> {
  const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json';
  const url = `http://${stack.registry}/v2/fn/${name.replace('dev/', '')}/manifests/1`;
  const answer = await fetch(url, { method: 'HEAD', headers: { accept } });
  return answer.headers.get('docker-content-digest');
}

test('a campaign on a moved base image tells which of 60 images differ, and calls back for these alone', async () => {
  const [base, ...others] = await Promise.all(['one', 'two', 'three'].map((name) => pushBase(name, 'first')));
  const named = (kind: string, count: number) =>
    Array.from({ length: count }, (_, at) => `${kind}-${String(at).padStart(2, '0')}`);
  const differing = named('contains', 41);
  const equal = named('copies', 19);
  await build({
    ...Object.fromEntries(differing.map((name) => [name, contains(base ?? '')])),
    ...Object.fromEntries(equal.map((name) => [name, copiesFrom(base ?? '')])),
    ...Object.fromEntries(others.map((image, at) => [`other-${at}`, contains(image)])),
  });
  const all = [...differing, ...equal].map((name) => `dev/${name}`);
  const before = await Promise.all(all.map(digestOf));

  await pushBase('one', 'second');
  // One build that uses the base makes its new digest known.
  await build({ scout: contains(base ?? '') });
  const select = { base_image: base ?? '', behind: true as const };
  const plan = await client.planRebuild({ rebuild: { select, waves: { canary: 5, size: '50%' } } });
  expect(plan.functions.map(({ function: name }) => name)).toEqual(all);
  const { campaign } = await client.startCampaign({
    rebuild: { select, waves: { canary: 5, size: '50%' }, callback: { url: hook }, only_changed: true },
  });
  expect(campaign.waves.map(({ total }) => total)).toEqual([5, 30, 25]);
  const { id } = campaign;
  await expect
    .poll(async () => (await client.getCampaign({ id })).state, { timeout: 200_000 })
    .toBe('finished');
  const ended = await client.getCampaign({ id });
  expect(ended.comparison).toEqual({ changed: 41, unchanged: 19, unknown: 0, failed: 0, canceled: 0 });

  const listed = async (state: CampaignFunction['state']) =>
    (await client.listCampaignFunctions({ id, query: { state, limit: 200 } })).functions;
  const changed = await listed('changed');
  expect(changed.map((each) => each.function)).toEqual(differing.map((name) => `dev/${name}`));
  expect((await listed('unchanged')).map((each) => each.function)).toEqual(
    equal.map((name) => `dev/${name}`),
  );
  // The registry agrees.
  const after = await Promise.all(all.map(digestOf));
  expect(all.filter((_name, at) => before[at] !== after[at])).toEqual(changed.map((each) => each.function));
  expect(changed.map(({ digest }) => digest)).toEqual(after.slice(0, 41));

  const ofType = (type: string) => received.filter((message) => message.type === type);
  await expect.poll(() => ofType('batch.finished').length).toBe(3);
  await expect.poll(() => ofType('job.succeeded').length).toBe(41);
  expect(received).toHaveLength(44);
  const { base_images } = await client.listBaseImages({ query: { base_image: base ?? '' } });
  expect(base_images).toMatchObject([{ behind: 0, functions: 61 }]);
});

test('a push of the base image alone starts the next campaign, which builds every function that is behind', async () => {
  await client.putTenant({
    name: 'default',
    settings: {
      images: ['*'],
      base_image_changes: { action: 'rebuild', waves: { canary: 5, size: '50%' }, max_failures: 0 },
    },
  });
  await pushBase('one', 'third');
  const started = async () => (await client.listCampaigns({})).campaigns;
  await expect.poll(async () => (await started()).length).toBe(2);
  const [latest] = await started();
  await expect
    .poll(async () => (await client.getCampaign({ id: latest?.id ?? '' })).state, { timeout: 200_000 })
    .toBe('finished');
  const ended = await client.getCampaign({ id: latest?.id ?? '' });
  expect(ended).toMatchObject({
    ...{ total: 61, waves: [{ total: 5 }, { total: 31 }, { total: 25 }] },
    comparison: { changed: 42, unchanged: 19, unknown: 0, failed: 0, canceled: 0 },
  });
  expect(await started()).toHaveLength(2);
});
