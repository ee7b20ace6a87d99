import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@slipway/shared/config';
import { generateKeyPair, openSecrets, parseSealedSecrets, publicKeyOf } from '@slipway/shared/sealing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { slipway } from '../testing/command-line.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-secrets-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const run = async (...argv: string[]) => {
  const { exit: exitCode, out, err } = await slipway(['secrets', ...argv]);
  return { exitCode, out, err };
};

describe('slipway secrets', () => {
  test('makes a pair of keys, seals with one and opens with the other', async () => {
    const made = await run('keygen', '--output', at('key'));
    expect(made.exitCode).toBe(0);
    expect(statSync(at('key')).mode & 0o777).toBe(0o600);
    const privateKey = new Secret(readFileSync(at('key'), 'utf8').trim());
    expect(made.out.trim()).toBe(publicKeyOf(privateKey));
    expect(made.out + made.err).not.toContain(privateKey.reveal());

    writeFileSync(at('token'), 'hunter2\n');
    const sealed = await run(
      'seal',
      `npm-token=${at('token')}`,
      '--key',
      at('key.pub'),
      '--output',
      at('sealed'),
    );
    expect(sealed).toMatchObject({ exitCode: 0, out: '' });
    const text = readFileSync(at('sealed'));
    expect(text.toString()).not.toContain('hunter2');
    const opened = openSecrets({ sealed: parseSealedSecrets(text), privateKey });
    expect(Buffer.from(opened.get('npm-token')?.reveal() ?? []).toString()).toBe('hunter2\n');

    const listed = await run('unseal', at('sealed'), '--key', at('key'));
    expect(listed).toMatchObject({ exitCode: 0, out: 'npm-token  8 bytes\n' });
    const shown = await run('unseal', at('sealed'), '--key', at('key'), '--show', '--json');
    expect(JSON.parse(shown.out)).toEqual({ name: 'npm-token', bytes: 8, value: 'hunter2\n' });
  });

  test('overwrites no key', async () => {
    writeFileSync(at('key'), 'mine');
    expect(await run('keygen', '--output', at('key'))).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('already exists'),
    });
    expect(readFileSync(at('key'), 'utf8')).toBe('mine');
  });

  test.each([
    ['a file that is not there', () => ['seal', `a=${at('nothing')}`, '--key', at('pub')], 'file not found'],
    ['a name that is none', () => ['seal', `a b=${at('pub')}`, '--key', at('pub')], 'is not a name'],
    ['a key that is none', () => ['seal', `a=${at('pub')}`, '--key', at('bad')], 'is not a key'],
    [
      'the key of another fleet',
      () => ['unseal', at('sealed'), '--key', at('other')],
      'sealed for another key',
    ],
    ['a file that is not sealed', () => ['unseal', at('pub'), '--key', at('other')], 'cannot be used'],
  ])('reports the problem with %s', async (_what, argv, message) => {
    const pair = generateKeyPair();
    writeFileSync(at('pub'), pair.publicKey);
    writeFileSync(at('bad'), 'no key');
    writeFileSync(at('other'), generateKeyPair().privateKey.reveal());
    await run('seal', `a=${at('pub')}`, '--key', at('pub'), '--output', at('sealed'));
    const { exitCode, err } = await run(...argv());
    expect({ exitCode, err }).toEqual({ exitCode: 2, err: expect.stringContaining(message) });
  });
});
