import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Batch, BatchJobEvent, Job } from '@slipway/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerfile, makeContext } from '../context.js';
import { type Stack, startStack } from '../stack.js';
import { startCommand } from './command.js';

const example = fileURLToPath(new URL('../../../examples/stack', import.meta.url));

let stack: Stack;
let env: Record<string, string>;
let folder: string;
const busybox = join(makeContext({}), 'busybox');
beforeAll(async () => {
  stack = await startStack({ builders: 2, slots: 2 });
  env = {
    ...{ SLIPWAY_URL: stack.url, SLIPWAY_TOKEN: stack.token, SLIPWAY_DATA: '/no/such/folder' },
    REGISTRY: stack.registry,
  };
  folder = mkdtempSync(join(tmpdir(), 'slipway-stack-'));
});
const before = process.cwd();
afterAll(async () => {
  process.chdir(before);
  await stack?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

/** A command line in the folder of a stack.yaml. */
const start = (args: readonly string[], cwd = folder, more: Readonly<Record<string, string>> = {}) => {
  // The command finds templates and handlers in the working directory, which a child process inherits.
  process.chdir(cwd);
  return startCommand(args, { ...env, ...more });
};

const write = (files: Readonly<Record<string, string>>) => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
};

interface Outcome {
  readonly exit: number | null;
  readonly events: readonly BatchJobEvent[];
  readonly batch: Batch;
  readonly failed: readonly Job[];
}

/** Runs a command with `--json` until the end of its batch. Returns the events. */
async function toTheEnd(...args: string[]): Promise<Outcome> {
  const { exit, out, err } = await start([...args, '--json']).ended;
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type?: string; job: BatchJobEvent; batch: Batch; failed: Job[] });
  const last = lines.at(-1);
  if (last?.type !== 'batch') throw new Error(`it ended with ${exit}: ${out}${err}`);
  const events = lines.filter(({ type }) => type === 'job').map(({ job }) => job);
  return { exit, events, batch: last.batch, failed: last.failed };
}

const names = (events: readonly { readonly function?: string }[]) =>
  events.map((event) => event.function?.replace('openfaas-fn/', '')).sort();
/** Returns the names of the functions that were built, without the unchanged ones. */
const built = ({ events }: Outcome) =>
  names(events.filter(({ state, cached }) => state === 'succeeded' && cached !== true));

const all = Array.from({ length: 18 }, (_, index) => `fn-${String(index).padStart(2, '0')}`);
const broken = ['fn-06', 'fn-17'];
const template = (name: string) =>
  all.filter((_, index) => 'abc'[index % 3] === name && !broken.includes(all[index] ?? ''));

describe('a stack of 18 functions over three templates, two of them broken', () => {
  const publish = (...more: string[]) => toTheEnd('publish', '--skip-unchanged', ...more);

  beforeAll(async () => {
    const base = makeContext({ Dockerfile: dockerfile() });
    const { exit } = await start(['build', base, '--image', `${stack.registry}/bulk/base:1`, '-q']).ended;
    expect(exit).toBe(0);
    const run = 'COPY function /function\nRUN sh /function/run.sh\n';
    const onBusybox = `FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\n${run}`;
    write({
      'template/a/template.yml': 'language: a\n',
      'template/a/Dockerfile': onBusybox,
      'template/b/template.yml': 'language: b\n',
      'template/b/Dockerfile': `FROM ${stack.registry}/bulk/base:1\n${run}`,
      'template/c/template.yml': 'language: c\nhandler_folder: function\n',
      'template/c/Dockerfile': onBusybox,
      'stack.yaml': [
        'provider: { name: openfaas }',
        'functions:',
        ...all.map(
          (name, index) =>
            `  ${name}: { lang: ${'abc'[index % 3]}, handler: ./${name}, image: "\${REGISTRY}/bulk/${name}:1" }`,
        ),
      ].join('\n'),
    });
    for (const name of ['a', 'c']) copyFileSync(busybox, join(folder, 'template', name, 'busybox'));
    // Links are sent as they are, so that both sides find the same digest.
    symlinkSync('/etc/passwd', join(folder, 'template', 'a', 'outward'));
    for (const name of all) {
      write({
        [`${name}/run.sh`]: broken.includes(name) ? 'echo no such module >&2; exit 3\n' : `echo ${name}\n`,
      });
      symlinkSync('../..', join(folder, name, 'loop'));
    }
  });

  test('is published: 16 succeed, the two failures are shown last, and the command exits with 1', async () => {
    const { exit, out, err } = await start(['publish', '--skip-unchanged', '--label', 'first=yes']).ended;
    // The two broken functions share a handler and have different templates.
    expect(err).toMatch(/^sources +17 uploaded, 3 templates/m);
    expect(err).toMatch(/^\[ *1\/18\] openfaas-fn\/fn-\d\d (succeeded|failed) in /m);
    expect(err).toMatch(/\[18\/18\] /);
    const summary = err.slice(err.indexOf('[18/18]'));
    expect(summary).toMatch(
      /✗ openfaas-fn\/fn-06 {2}build_failed[\s\S]*l: .*no such module[\s\S]*✗ openfaas-fn\/fn-17/,
    );
    expect(summary).toMatch(/16 succeeded, 2 failed of 18 in [\s\S]*slipway batch retry batch_\w+\n$/);
    expect(exit).toBe(1);
    const images = out.trimEnd().split('\n');
    expect(images).toHaveLength(16);
    expect(images[0]).toMatch(new RegExp(`^${stack.registry}/bulk/fn-00:1@sha256:[0-9a-f]{64}$`));
  });

  test('again: nothing is uploaded, 16 are unchanged, the two are retried', async () => {
    const dry = await start(['publish', '--dry-run']).ended;
    expect(dry.err).toContain('0 sources would be uploaded');
    const again = await publish();
    expect(again.exit).toBe(1);
    expect(built(again)).toEqual([]);
    expect(again.batch.counts).toMatchObject({ succeeded: 16, failed: 2 });
    expect(names(again.failed)).toEqual(broken);
  });

  test('with one changed file: only that function is built', async () => {
    write({ 'fn-08/run.sh': 'echo something else\n' });
    expect(built(await publish())).toEqual(['fn-08']);
  });

  test('with a changed template: only its functions are built', async () => {
    write({ 'template/c/template.yml': 'language: c\nhandler_folder: function\n# changed\n' });
    expect(built(await publish())).toEqual(template('c'));
  });

  test('repaired: the retry of a batch builds the failed functions', async () => {
    const failed = await publish('--filter', 'fn-06');
    expect(failed.exit).toBe(1);
    const retried = await toTheEnd('batch', 'retry', failed.batch.id);
    expect([retried.exit, retried.batch.retry_of, names(retried.failed)]).toEqual([
      1,
      failed.batch.id,
      ['fn-06'],
    ]);
  });

  test('is rebuilt by base image: a dry run shows the functions with reasons, then they are built', async () => {
    const select = ['rebuild', '--base-image', `${stack.registry}/bulk/base:1`];
    const plan = await start([...select, '--dry-run']).ended;
    expect(plan.exit).toBe(0);
    expect(plan.out.match(/fn-\d\d(?= )/g)).toEqual(template('b'));
    expect(plan.out).toMatch(/fn-01 +\S+ +.*base/);
    const rebuilt = await toTheEnd(...select);
    expect([rebuilt.exit, names(rebuilt.events), rebuilt.batch.counts.succeeded]).toEqual([
      0,
      template('b'),
      6,
    ]);
    const shown = await start(['functions', 'show', 'fn-01']).ended;
    expect(shown.out).toMatch(/base images +\S+\/bulk\/base:1[\s\S]*succeeded/);
  });
});

describe('a batch', () => {
  /** Functions with a Dockerfile of their own. */
  const stackOf = (prefix: string, scripts: readonly string[]) => {
    const functions = scripts.map((script, index) => {
      const name = `${prefix}-${index}`;
      write({ [`${name}/Dockerfile`]: dockerfile(`RUN ${script}`) });
      copyFileSync(busybox, join(folder, name, 'busybox'));
      return `  ${name}: { lang: dockerfile, handler: ./${name}, image: "\${REGISTRY}/bulk/${name}:1" }\n`;
    });
    write({ [`${prefix}.yaml`]: `provider: { name: openfaas }\nfunctions:\n${functions.join('')}` });
    return `${prefix}.yaml`;
  };
  const endless = (count: number) =>
    Array.from({ length: count }, (_, index) => `echo begun ${index}; sleep 600`);

  test('is canceled half-way by Ctrl-C, and the command ends with 1', async () => {
    // The three endless builds leave one of the four slots to the other builds.
    const file = stackOf('half', [...['one', 'two', 'three'].map((word) => `echo ${word}`), ...endless(3)]);
    const command = start(['publish', '-f', file]);
    await command.said(/^\[3\/6\] /m);
    command.kill('SIGINT');
    const { exit, err } = await command.ended;
    expect(exit).toBe(1);
    expect(err).toMatch(/^Canceling batch_\w+\. Ctrl-C again leaves/m);
    expect(err).toMatch(/3 succeeded, 3 canceled of 6 in/);
  });

  test('that is left continues, and is watched and canceled by other commands', async () => {
    const file = stackOf('left', endless(3));
    const { out } = await start(['publish', '-f', file, '--detach']).ended;
    const id = out.trim();
    const watcher = start(['batch', 'watch', id]);
    const leaver = start(['batch', 'watch', id]);
    await expect.poll(async () => (await start(['batch', 'status', id]).ended).out).toMatch(/\d running/);
    await leaver.said(`Watching ${id}`);
    leaver.kill('SIGINT');
    expect(await leaver.ended).toMatchObject({
      exit: 1,
      err: expect.stringContaining(`Left ${id}, which continues`),
    });
    expect((await start(['batch', 'cancel', id]).ended).exit).toBe(0);
    expect(await watcher.ended).toMatchObject({ exit: 1, err: expect.stringContaining('3 canceled of 3') });
    expect((await start(['batch', 'list', '--limit', '1']).ended).out).toContain(`${id}  finished`);
  });

  test('is left at the second Ctrl-C', async () => {
    const command = start(['publish', '-f', stackOf('twice', endless(1))]);
    await command.said(/^batch +batch_/m);
    const [id = ''] = /batch_\w+/.exec(command.err()) ?? [];
    const state = async () => (await start(['batch', 'status', id]).ended).out;
    await expect.poll(state).toMatch(/1 running/);
    // A paused worker cannot receive the cancellation.
    stack.kill('worker 1', 'SIGSTOP');
    command.kill('SIGINT');
    await command.said('Ctrl-C again leaves');
    command.kill('SIGINT');
    const { exit, err } = await command.ended;
    stack.kill('worker 1', 'SIGCONT');
    expect([exit, err]).toEqual([1, expect.stringContaining(`slipway batch watch ${id}`)]);
    await expect.poll(state).toMatch(/1 canceled of 1/);
  });

  test('with --on-failure stop starts no job after a failure', async () => {
    const file = stackOf(
      'stop',
      Array.from({ length: 6 }, () => 'exit 3'),
    );
    const stopped = await toTheEnd('publish', '-f', file, '--on-failure', 'stop', '--parallel', '1');
    expect(stopped.exit).toBe(1);
    expect(stopped.batch.counts).toMatchObject({ failed: 1, canceled: 5, succeeded: 0 });
  });
});

test('the example stack builds', async () => {
  const copy = join(folder, 'example');
  cpSync(example, copy, { recursive: true });
  const { exit, out, err } = await start(['publish'], copy, { BASE_IMAGE: 'scratch' }).ended;
  expect([exit, err]).toEqual([0, expect.stringMatching(/2 functions succeeded/)]);
  expect(out).toMatch(/\/examples\/greet:1@sha256:\w+\n\S+\/examples\/clock:1@sha256:\w+\n$/);
});

test('sending a template with --rebuild rebuilds its functions', async () => {
  const path = join(folder, 'template', 'site');
  mkdirSync(path, { recursive: true });
  const push = (...more: string[]) => start(['templates', 'push', path, '--json', ...more]).ended;
  writeFileSync(join(path, 'template.yml'), 'language: site\nhandler_folder: pages\n');
  writeFileSync(join(path, 'Dockerfile'), 'FROM scratch\nCOPY pages /pages\n');
  expect((await push()).exit).toBe(0);
  const submitted = await stack.call('/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ image: `${stack.registry}/bulk/site:1`, function: 'site', template: 'site' },
      source: { files: { 'index.html': '<p>Hello</p>' } },
    }),
  });
  const { id } = (await submitted.json()) as Job;
  const job = (await (await stack.call(`/v1/jobs/${id}?wait=60`)).json()) as Job;
  expect(job.state).toBe('succeeded');
  writeFileSync(join(path, 'Dockerfile'), 'FROM scratch\nCOPY pages /htdocs\n');
  const { exit, out } = await push('--rebuild');
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(exit).toBe(0);
  expect(lines[0]).toMatchObject({ type: 'template', name: 'site', version: 2 });
  expect(lines.at(-1)).toMatchObject({ type: 'batch', batch: { total: 1, counts: { succeeded: 1 } } });
});

test('functions of a published stack are found by their pinned template, and rebuilt with a newer one', async () => {
  const note = (at: string) =>
    JSON.stringify({ repository: 'https://git.example/t.git', ref_name: '1.0', sha: 'a1', written_at: at });
  write({
    'pinned.yaml': `provider: { name: openfaas }\nfunctions:\n  page: { lang: web@1.0, handler: ./page, image: "\${REGISTRY}/bulk/page:1" }\n`,
    'page/index.html': '<p>Hello</p>',
    'template/web@1.0/template.yml': 'language: web\n',
    'template/web@1.0/Dockerfile': dockerfile('COPY function /function', 'RUN test -f /function/index.html'),
    'template/web@1.0/meta.json': note('2026-11-28T10:00:00Z'),
  });
  const template = join(folder, 'template', 'web@1.0');
  copyFileSync(busybox, join(template, 'busybox'));
  const publish = () => toTheEnd('publish', '-f', 'pinned.yaml', '--skip-unchanged');
  expect(built(await publish())).toEqual(['page']);
  write({ 'template/web@1.0/meta.json': note('2026-11-29T10:00:00Z') });
  const again = await publish();
  expect([again.exit, built(again)]).toEqual([0, []]);

  const rebuilt = await toTheEnd('rebuild', '--template', 'web@1.0');
  expect([rebuilt.exit, names(rebuilt.events)]).toEqual([0, expect.arrayContaining(['page'])]);

  // Builds with the newer template fail, which shows the functions that use it.
  write({ 'template/web@1.0/Dockerfile': 'FROM scratch\nCOPY gone /function\n' });
  const pushed = await toTheEnd('templates', 'push', template, '--rebuild');
  expect([pushed.exit, names(pushed.failed)]).toEqual([1, ['page']]);
  const list = await start(['templates', 'list']).ended;
  expect(list.out).toMatch(/web@1\.0 .*https:\/\/git\.example\/t\.git#1\.0 \(a1\)/);
});
