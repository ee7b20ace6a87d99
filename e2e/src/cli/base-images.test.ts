import { type BaseImagePage, createClient, type FunctionPage, type Job } from '@slipway/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dockerfile, makeContext } from '../context.js';
import { type Stack, startStack } from '../stack.js';
import { startCommand } from './command.js';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack({ env: { worker: { BASE_IMAGE_CHECK_SECONDS: '1' } } });
  base = `${stack.registry}/tools/base:1`;
  const { exit } = await start('build', makeContext({ Dockerfile: dockerfile() }), '--image', base, '-q')
    .ended;
  expect(exit).toBe(0);
});
afterAll(() => stack?.stop());

const start = (...args: string[]) =>
  startCommand(args, {
    ...{ SLIPWAY_URL: stack.url, SLIPWAY_TOKEN: stack.token, SLIPWAY_DATA: '/no/such/folder' },
  });

async function build(
  name: string | undefined,
  files: Readonly<Record<string, string>>,
  more: object = {},
): Promise<void> {
  const body = { function: name, image: `${stack.registry}/fn/${name}:1`, source: { files }, ...more };
  const headers = { 'content-type': 'application/json' };
  const answer = await stack.call('/v1/jobs', { method: 'POST', headers, body: JSON.stringify(body) });
  const { id } = (await answer.json()) as Job;
  const job = (await (await stack.call(`/v1/jobs/${id}?wait=60`)).json()) as Job;
  expect(job).toMatchObject({ state: 'succeeded' });
}

/** Returns the digest that the registry has for an image. */
async function digestOf(image: string): Promise<string | null> {
  const [host, path, tag] = [
    stack.registry,
    image.slice(stack.registry.length + 1).split(':')[0],
    image.split(':').at(-1),
  ];
  const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json';
  const answer = await fetch(`http://${host}/v2/${path}/manifests/${tag}`, {
    method: 'HEAD',
    headers: { accept },
  });
  return answer.headers.get('docker-content-digest');
}

test('functions that copy or mount from an image are found and rebuilt by that image', async () => {
  const copy = `COPY --from=${base} /bin/busybox /busybox\n`;
  await build('begins', { Dockerfile: `FROM ${base}\n` });
  await build('copies', { Dockerfile: `FROM scratch\n${copy}` });
  await build('mounts', {
    dockerfile: `FROM scratch\nRUN --mount=from=${base},source=/bin,target=/bin ["/bin/busybox", "touch", "/x"]\n`,
  });
  await build(
    'asks',
    { 'docker/prod': `FROM scratch\n${copy}`, Dockerfile: 'FROM none' },
    { dockerfile: 'docker/prod' },
  );
  await build('stops', { Dockerfile: `FROM scratch AS one\nLABEL a=b\nFROM ${base}\n` }, { target: 'one' });
  await build('tells', {
    Dockerfile: `FROM scratch\nLABEL a=b\n# FROM ${base}\nLABEL c="COPY --from=${base}"\n`,
  });

  const files = { Dockerfile: `FROM ${base}\nLABEL a=b\n` };
  const image = `${stack.registry}/fn/shared:1`;
  await build(undefined, files, { image });
  await build('shares', files, { image, skip_if_unchanged: true });

  const wanted = ['asks', 'begins', 'copies', 'mounts', 'shares'];
  const listed = await stack.call(`/v1/functions?base_image=${encodeURIComponent(base)}`);
  const { functions } = (await listed.json()) as FunctionPage;
  expect(functions.map(({ name }) => name)).toEqual(wanted.map((name) => `openfaas-fn/${name}`));
  const first = await digestOf(base);
  for (const { base_images, bases } of functions) {
    expect(base_images).toEqual([base]);
    expect(bases).toMatchObject([{ reference: base, digest: first }]);
  }

  const plan = await start('rebuild', '--base-image', base, '--dry-run').ended;
  expect([plan.exit, plan.out.match(/\b(?:asks|begins|copies|mounts|shares|stops|tells)(?= )/g)]).toEqual([
    0,
    wanted,
  ]);
  const rebuilt = await start('rebuild', '--base-image', base).ended;
  expect([rebuilt.exit, rebuilt.err]).toEqual([0, expect.stringContaining('5 functions succeeded')]);

  const moved = makeContext({ Dockerfile: `${dockerfile()}\nLABEL version=2\n` });
  expect((await start('build', moved, '--image', base, '-q').ended).exit).toBe(0);
  const second = await digestOf(base);
  expect(second).not.toBe(first);
  await build('begins', { Dockerfile: `FROM ${base}\n` });
  const { base_images } = (await (await stack.call('/v1/base-images?behind=true')).json()) as BaseImagePage;
  expect(base_images).toMatchObject([
    { reference: base, functions: 5, behind: 4, unknown: 0, newest: { digest: second } },
  ]);
  expect(base_images[0]?.digests).toEqual([
    { digest: first, functions: 4 },
    { digest: second, functions: 1 },
  ]);
  const shown = await start('bases', '--behind').ended;
  expect([shown.exit, shown.out]).toEqual([0, expect.stringContaining(base)]);
});

test('a base image that is pushed again is an event, seen at its registry', async () => {
  const watched = `${stack.registry}/tools/watched:1`;
  const push = (version: string) =>
    start(
      'build',
      makeContext({ Dockerfile: `${dockerfile()}\nLABEL version=${version}\n` }),
      '--image',
      watched,
      '-q',
    ).ended;
  expect((await push('1')).exit).toBe(0);
  const first = await digestOf(watched);
  await build('watched', { Dockerfile: `FROM ${watched}\n` });
  const view = async () => {
    const query = new URLSearchParams({ base_image: watched });
    const page = (await (await stack.call(`/v1/base-images?${query}`)).json()) as BaseImagePage;
    return page.base_images[0];
  };
  await expect.poll(async () => (await view())?.checked_at).toBeDefined();
  expect(await view()).toMatchObject({ newest: { digest: first }, behind: 0 });
  const events = new AbortController();
  const client = createClient({ url: stack.url, token: stack.token });
  const stream = client.followEvents({ signal: events.signal });
  await stream.next();
  expect((await push('2')).exit).toBe(0);
  const second = await digestOf(watched);
  const seen = { reference: watched, digest: second, previous_digest: first, functions: 1, behind: 1 };
  for await (const event of stream) {
    if (event.type !== 'base_image.changed') continue;
    expect(event.baseImage).toMatchObject(seen);
    break;
  }
  events.abort();
  expect(await view()).toMatchObject({
    newest: { digest: second },
    behind: 1,
    changed_at: expect.any(String),
  });
  expect((await view())?.check_error).toBeUndefined();
  const shown = await start('bases', '--base-image', watched).ended;
  expect([shown.exit, shown.out]).toEqual([
    0,
    expect.stringMatching(/tools\/watched:1 +1 +1 +0 .* ago +[\w. ]+ ago/),
  ]);
});
