import type { Job } from '@slipway/client';
import { freePort } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerfile, makeContext } from '../context.js';
import { type Stack, startStack } from '../stack.js';
import { slipway, startCommand } from './command.js';

let stack: Stack;
let env: Record<string, string>;
beforeAll(async () => {
  stack = await startStack();
  env = { SLIPWAY_URL: stack.url, SLIPWAY_TOKEN: stack.token, SLIPWAY_DATA: '/no/such/folder' };
});
afterAll(() => stack?.stop());

const image = (name: string) => `${stack.registry}/cli/${name}:1`;
const jobOf = async (id: string): Promise<Job> =>
  JSON.parse((await slipway(['status', id, '--json'], env)).out) as Job;
/** Returns a context whose build runs until it is stopped. */
const endless = () => makeContext({ Dockerfile: dockerfile('RUN echo it has begun; sleep 600') });

describe('slipway build', () => {
  test('ends with 0, and prints the image with the digest that the registry knows', async () => {
    const context = makeContext({
      Dockerfile: dockerfile('ARG WHO', 'COPY . /app', 'RUN ls /app; echo "for $WHO"'),
      '.dockerignore': 'secret.txt\n',
      'secret.txt': 'not to be sent',
      'kept.txt': 'to be sent',
    });
    const { exit, out, err } = await slipway(
      ['build', context, '--image', image('good'), '--build-arg', 'WHO=me'],
      env,
    );
    expect(err).toMatch(/^submitted +job_/m);
    expect(err).toMatch(/^l: .*for me$/m);
    expect(err).toMatch(/^l: .*kept\.txt$/m);
    expect(err).not.toContain('secret.txt');
    expect(err).toMatch(/^succeeded in /m);
    expect(exit).toBe(0);
    const [, digest] = out.trim().split('@');
    expect(out).toBe(`${image('good')}@${digest}\n`);
    const manifest = await fetch(`http://${stack.registry}/v2/cli/good/manifests/${digest}`, {
      headers: {
        accept:
          'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json',
      },
    });
    expect(manifest.status).toBe(200);
    const again = await slipway(['build', context, '--image', image('good'), '--no-push'], env);
    expect(again.err).toContain('(already stored)');
  });

  test('exits with 1 when the build fails, and shows the reason', async () => {
    const context = makeContext({ Dockerfile: dockerfile('RUN echo no such module >&2; exit 3') });
    const { exit, out, err } = await slipway(['build', context, '--image', image('bad')], env);
    expect({ exit, out }).toEqual({ exit: 1, out: '' });
    expect(err).toMatch(/^l: .*no such module$/m);
    expect(err).toMatch(/^failed in .*: build_failed: /m);
  });

  test('cancels the job at the first Ctrl-C, and ends with 1', async () => {
    const command = startCommand(['build', endless(), '--image', image('interrupted')], env);
    await command.said(/^l: .*it has begun$/m);
    command.kill('SIGINT');
    const { exit, err } = await command.ended;
    expect(exit).toBe(1);
    const id = /^Canceling (job_\w+)\. Ctrl-C again/m.exec(err)?.[1] ?? '';
    expect(await jobOf(id)).toMatchObject({ state: 'canceled' });
  });

  test('leaves at the second Ctrl-C', async () => {
    // A paused worker cannot receive the cancellation.
    const worker = stack.part('worker 1').pid;
    const command = startCommand(['build', endless(), '--image', image('left')], env);
    await command.said(/^l: .*it has begun$/m);
    process.kill(worker, 'SIGSTOP');
    command.kill('SIGINT');
    await command.said('Ctrl-C again leaves');
    command.kill('SIGINT');
    const { exit, err } = await command.ended;
    process.kill(worker, 'SIGCONT');
    expect(exit).toBe(1);
    const id = /^Left (job_\w+)\. Check it with: slipway status/m.exec(err)?.[1] ?? '';
    await expect.poll(() => jobOf(id)).toMatchObject({ state: 'canceled' });
  });
});

describe('a job that was submitted and left', () => {
  test('is followed by logs -f, shown by status, and ended by cancel', async () => {
    const detached = await slipway(
      ['build', '-d', endless(), '--image', image('detached'), '--label', 'a=1'],
      env,
    );
    const id = detached.out.trim();
    const follower = startCommand(['logs', '-f', id], env);
    await follower.said('it has begun');
    const { out: table } = await slipway(['status', '--state', 'running', '--label', 'a=1'], env);
    expect(table).toMatch(new RegExp(`^${id} +running`, 'm'));
    expect((await slipway(['cancel', id], env)).out).toContain(id);
    expect((await follower.ended).exit).toBe(0);
    expect((await slipway(['status', id], env)).out).toMatch(/canceled/);
    expect(await slipway(['cancel', id], env)).toMatchObject({ exit: 0, out: `${id} is canceled.\n` });
    expect((await slipway(['logs', id], env)).out).toContain('it has begun');
  });
});

describe('a server', () => {
  test('that does not accept the token is a refusal', async () => {
    const wrong = await slipway(['status'], { ...env, SLIPWAY_TOKEN: 'not-the-token' });
    expect(wrong).toMatchObject({ exit: 3, out: '' });
    expect(wrong.err).toMatch(/^error: unauthorized: /);
    expect(wrong.err + wrong.out).not.toContain('not-the-token');
  });

  test('that does not run is named', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { exit, err } = await slipway(['status'], { ...env, SLIPWAY_URL: url });
    expect({ exit, err }).toEqual({ exit: 3, err: expect.stringContaining(`${url} cannot be reached`) });
  });

  test('without the job reports it', async () => {
    const none = `job_${'0'.repeat(26)}`;
    for (const args of [
      ['status', none],
      ['logs', none],
      ['logs', '-f', none],
      ['cancel', none],
    ]) {
      expect(await slipway(args, env)).toMatchObject({ exit: 3, err: expect.stringContaining('not_found') });
    }
  });
});

describe('slipway builders, drain, resume and queue', () => {
  test('show the fleet, drain a builder and resume it', async () => {
    const shown = async () => (await slipway(['builders'], env)).out;
    await expect.poll(shown).toMatch(/^rep_\w+ +http\S+ +buildkit +up +0 +2 /m);
    const [id] = /rep_\w+/.exec(await shown()) ?? [''];
    expect(await slipway(['drain', id], env)).toMatchObject({
      exit: 0,
      out: expect.stringContaining('no more builds'),
    });
    expect(await shown()).toMatch(/ draining /);
    expect((await slipway(['queue'], env)).out).toMatch(/^default +0 +0 of 0 /m);
    expect(await slipway(['resume', id], env)).toMatchObject({ exit: 0 });
    expect((await slipway(['queue'], env)).out).toMatch(/^default +0 +0 of 2 /m);
    expect(await slipway(['drain', 'rep_000000000000'], env)).toMatchObject({
      exit: 3,
      err: expect.stringContaining('not_found'),
    });
  });
});
