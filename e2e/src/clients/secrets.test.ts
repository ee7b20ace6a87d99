import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKeyPair } from '@slipway/shared/sealing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerfile, makeContext, scratchFolder, sh } from '../context.js';
import { type Stack, startStack } from '../stack.js';
import { callGoSdk } from './go-sdk.js';
import { makeProject, type ProjectFunction } from './project.js';
import { publish, publishedImages, publishers } from './publish.js';
import type { Target } from './target.js';

const key = generateKeyPair();

let stack: Stack;
beforeAll(async () => {
  const file = join(scratchFolder(), 'key');
  writeFileSync(file, key.privateKey.reveal());
  stack = await startStack({
    builders: 2,
    slots: 2,
    env: { builder: { BUILD_SECRETS_PRIVATE_KEY_FILE: file } },
  });
});
afterAll(() => stack?.stop());

/** A step that prints a digest of its secrets, not the secrets. */
const line =
  'RUN --mount=type=secret,id=npm --mount=type=secret,id=pip sha256sum /run/secrets/npm /run/secrets/pip';
const secretsOf = (name: string) => ({
  npm: `npm of ${name}: ${random()}`,
  pip: `pip of ${name}: ${random()}\n`,
});
const random = () => randomBytes(12).toString('hex');
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe.each([
  { server: 'a builder alone', tag: 'alone', parallel: 2, url: () => stack.part('builder 1').address },
  { server: 'Slipway', tag: 'slipway', parallel: 8, url: () => stack.url },
])('$server', ({ tag, parallel, url }) => {
  const target = (): Target => ({
    url: url(),
    payloadSecret: join(stack.folder, 'secrets', 'payload-secret'),
  });
  const image = (name: string) => `${stack.registry}/secrets/${name}:${tag}`;
  /** Expects the values in no file or log of this Slipway in clear text, the engines included. */
  const expectNowhere = (values: readonly string[]) => {
    const patterns = values.flatMap((value) => ['-e', value.trim()]);
    const found = sh('sh', ['-c', 'grep -rlF "$@" . || true', 'grep', ...patterns], { cwd: stack.folder });
    expect(found.toString()).toBe('');
  };

  test('hands out the public key', async () => {
    const ask = async () => await (await fetch(`${url()}/publickey`)).json();
    await expect
      .poll(ask)
      .toEqual({ key_id: key.publicKey.slice(0, 8), algorithm: 'nacl/box', public_key: key.publicKey });
  });

  test.each(publishers)('publishes with the build_secrets of a stack.yaml, for %s', async (publisher) => {
    const names = ['a', 'b', 'c', 'd'].map(
      (letter) => `${publisher.split(' ').at(-1)?.toLowerCase()}-${tag}-${letter}`,
    );
    const functions = names.map((name): [string, ProjectFunction] => [
      name,
      {
        image: image(name),
        lang: name.endsWith('-a') ? 'dockerfile' : 'tiny',
        lines: ['COPY handler.txt /', line],
        secrets: secretsOf(name),
      },
    ]);
    const project = makeProject({
      functions: Object.fromEntries(functions),
      tinyLines: ['COPY function /', line],
    });
    const { exit, out, err } = await publish({ ...target(), publisher, project, parallel }).ended;
    expect({ exit, images: publishedImages(err) }).toEqual({ exit: 0, images: names.map(image) });
    const values = functions.flatMap(([, { secrets = {} }]) => Object.values(secrets));
    // Each context is unique, because a cached step does not run.
    expect(values.filter((value) => !out.includes(sha256(value)))).toEqual([]);
    expectNowhere(values);
  });

  test('accepts BuildWithSecretsStream of the Go SDK', async () => {
    const secrets = secretsOf('sdk');
    const { results, error } = await callGoSdk({
      ...{ ...target(), method: 'BuildWithSecretsStream', image: image('sdk'), secrets },
      context: makeContext({ Dockerfile: dockerfile(`ARG NAME=${tag}`, line) }),
      publicKey: key.publicKey,
    });
    expect(error).toBeUndefined();
    expect(results.at(-1)).toMatchObject({ status: 'success', image: image('sdk') });
    const log = results.flatMap((result) => result.log ?? []).join('\n');
    for (const value of Object.values(secrets)) expect(log).toContain(sha256(value));
    expectNowhere(Object.values(secrets));
  });

  test('names its key when the secrets are encrypted for another key', async () => {
    const { results } = await callGoSdk({
      ...{
        ...target(),
        method: 'BuildWithSecretsStream',
        image: image('other'),
        secrets: { npm: 'x', pip: 'y' },
      },
      context: makeContext({ Dockerfile: dockerfile(line) }),
      publicKey: generateKeyPair().publicKey,
    });
    expect(results.at(-1)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining(key.publicKey.slice(0, 8)),
    });
  });
});
