import type { FunctionPage, Job } from '@slipway/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dockerfile, makeContext } from '../context.js';
import { type Stack, startStack } from '../stack.js';
import { startCommand } from './command.js';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack({});
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
  for (const { base_images } of functions) expect(base_images).toEqual([base]);

  const plan = await start('rebuild', '--base-image', base, '--dry-run').ended;
  expect([plan.exit, plan.out.match(/\b(?:asks|begins|copies|mounts|shares|stops|tells)(?= )/g)]).toEqual([
    0,
    wanted,
  ]);
  const rebuilt = await start('rebuild', '--base-image', base).ended;
  expect([rebuilt.exit, rebuilt.err]).toEqual([0, expect.stringContaining('5 functions succeeded')]);
});
