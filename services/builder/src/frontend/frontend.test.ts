import { describe, expect, test } from 'vitest';
import { mustLoadFrontend } from './allowlist.js';
import { syntaxOf } from './syntax.js';

const of = (text: string) => syntaxOf(Buffer.from(text));

describe('finds the frontend in every form that BuildKit reads', () => {
  test.each([
    ['plainly', '# syntax=evil/fe\nFROM scratch'],
    ['with blanks', '#   syntax =   evil/fe   \nFROM scratch'],
    ['without a blank', '#syntax=evil/fe'],
    ['in upper case', '# SYNTAX=evil/fe\n'],
    ['in mixed case', '# SynTax=evil/fe\n'],
    ['with Windows line ends', '# syntax=evil/fe\r\nFROM scratch\r\n'],
    ['after another directive', '# escape=`\n# check=skip=all\n# syntax=evil/fe\n'],
    ['after a directive given twice', '# escape=`\n# escape=`\n# syntax=evil/fe\n'],
    ['after a byte order mark', '\uFEFF# syntax=evil/fe\n'],
    ['after a shebang', '#!/usr/bin/env docker\n# syntax=evil/fe\n'],
    ['after both', '\uFEFF#!/bin/x\n#syntax=evil/fe\n'],
    ['after a no-break space', '#\u00a0syntax=evil/fe\n'],
    ['with a command line', '# syntax=evil/fe --flag x\n'],
    ['in a comment of C', '// syntax=evil/fe\n'],
    ['in a comment of C, after another', '// escape=x\n//syntax=evil/fe\n'],
    ['as JSON', '{"syntax": "evil/fe"}'],
    ['as JSON after blanks', '\n\t {"a": 1, "syntax": "evil/fe"}'],
    ['as JSON after a shebang', '#!/bin/x\n{"syntax": "evil/fe"}'],
    ['as JSON with an escape', '{"s\\u0079ntax": "evil/fe"}'],
    ['as JSON, the last of two', '{"syntax": "docker/dockerfile:1", "syntax": "evil/fe"}'],
  ])('%s', (_form, text) => {
    expect(of(text)).toBe('evil/fe');
  });

  test('in a line of any length', () => {
    const blanks = ' '.repeat(500_000);
    expect(of(`# syntax=${blanks}evil/fe${blanks}x`)).toBe('evil/fe');
    expect(of(`#${blanks}syntax${blanks}=evil/fe\t`)).toBe('evil/fe');
    expect(of(`# syntax=${blanks}`)).toBe('');
  });

  test('JSON that cannot be read, or names none, counts as an unknown frontend', () => {
    expect(of('{"syntax": ')).toBe('');
    expect(of('{}')).toBe('');
  });
});

describe('sees none where BuildKit sees none', () => {
  test.each([
    ['no comment', 'FROM scratch'],
    ['nothing', ''],
    ['below an instruction', 'FROM scratch\n# syntax=evil/fe'],
    ['below another comment', '# My image\n# syntax=evil/fe'],
    ['below an empty line', '\n# syntax=evil/fe'],
    ['in front of blanks', ' # syntax=evil/fe'],
    ['an unknown directive first', '# other=1\n# syntax=evil/fe'],
    ['no value', '# syntax=\nFROM scratch'],
    ['mere talk', '# syntax is evil/fe'],
    ['a shebang alone', '#!/bin/x'],
  ])('%s', (_form, text) => {
    expect(of(text)).toBeUndefined();
  });
});

const refused = expect.objectContaining({ code: 'frontend_not_allowed' });
const loads = (dockerfile: string, buildArgs: Record<string, string> = {}, allowed: string[] = []) =>
  mustLoadFrontend({ dockerfile: Buffer.from(dockerfile), buildArgs, allowed });

describe('the stable frontend of Docker is built in', () => {
  const digest = `sha256:${'0'.repeat(64)}`;

  test.each([
    ...['docker/dockerfile', 'docker/dockerfile:1', 'docker/dockerfile:1.4', 'docker/dockerfile:1.12.0'],
    ...['docker/dockerfile:latest', 'docker.io/docker/dockerfile:1', 'index.docker.io/docker/dockerfile'],
    ...[`docker/dockerfile@${digest}`, `docker/dockerfile:1.7@${digest}`],
  ])('%j', (name) => {
    for (const text of [
      `# syntax=${name}`,
      `//syntax=${name} x`,
      `#!/x\n#syntax=${name}`,
      `{"syntax":"${name}"}`,
    ])
      expect(loads(text)).toBe(false);
    expect(loads('FROM scratch', { BUILDKIT_SYNTAX: ` ${name} --flag` })).toBe(false);
    expect(loads(`# syntax=${name}`, {}, ['r.io/fe'])).toBe(false);
  });

  test.each([
    ...[
      'docker/dockerfile:2',
      'docker/dockerfile:labs',
      'docker/dockerfile:1-labs',
      'docker/dockerfile:1.7-labs',
    ],
    ...[
      'docker/dockerfile:1.7.0-rc1',
      'docker/dockerfile:1.2.3.4',
      'docker/dockerfile:master',
      'docker/dockerfile:1.',
    ],
    ...[
      'docker/dockerfile-upstream',
      'library/dockerfile',
      'dockerfile',
      'dockerfile.v0',
      'r.io/docker/dockerfile:1',
    ],
    ...[
      'Docker.io/docker/dockerfile:1',
      'docker.io.evil/docker/dockerfile',
      `docker/dockerfile:labs@${digest}`,
    ],
    ...['docker/dockerfile:1\t--flag', 'docker/dockerfile@sha256:00', ''],
  ])('%j is not it', (name) => {
    expect(() => loads(`{"syntax": ${JSON.stringify(name)}}`)).toThrow(refused);
    expect(() => loads('FROM scratch', { BUILDKIT_SYNTAX: name })).toThrow(refused);
    expect(() => loads('FROM scratch', { buildkit_Syntax: name })).toThrow(refused);
  });
});

describe('the allowlist', () => {
  const allowed = ['docker/dockerfile:1', 'r.io:5000/fe'];
  const check = (dockerfile: string, buildArgs: Record<string, string> = {}) =>
    loads(dockerfile, buildArgs, allowed);

  test('has images loaded, however they are spelt', () => {
    for (const name of [
      'docker/dockerfile:1',
      'docker.io/docker/dockerfile:1',
      'r.io:5000/fe',
      'r.io:5000/fe:latest',
    ]) {
      expect(check(`# syntax=${name}\n`)).toBe(true);
      expect(check('FROM scratch', { BUILDKIT_SYNTAX: ` ${name} --flag` })).toBe(true);
    }
    expect(check('FROM scratch', { OTHER: 'evil/fe' })).toBe(false);
  });

  test.each(['r.io:5000/fe:2', 'evil.io/docker/dockerfile:1', ''])(
    'refuses %j, and names the value',
    (name) => {
      expect(() => check(`{"syntax": ${JSON.stringify(name)}}`)).toThrow(refused);
      expect(() => check('FROM scratch', { BUILDKIT_SYNTAX: name })).toThrow(JSON.stringify(name));
    },
  );

  test('holds the Dockerfile to it even when the argument is on it', () => {
    expect(() => check('# syntax=evil/fe', { BUILDKIT_SYNTAX: 'docker/dockerfile:1' })).toThrow(refused);
  });

  test('the argument decides what is loaded, as BuildKit reads it', () => {
    const stable = 'docker/dockerfile:1.7';
    expect(check('# syntax=r.io:5000/fe', { BUILDKIT_SYNTAX: stable })).toBe(false);
    expect(check(`# syntax=${stable}`, { BUILDKIT_SYNTAX: 'r.io:5000/fe' })).toBe(true);
    expect(check(`# syntax=${stable}`, { Buildkit_syntax: 'r.io:5000/fe' })).toBe(false);
  });
});
