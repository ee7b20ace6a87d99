import { describe, expect, test } from 'vitest';
import { checkFrontend } from './allowlist.js';
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

describe('the allowlist', () => {
  const check = (dockerfile: string, buildArgs: Record<string, string> = {}) =>
    checkFrontend({
      dockerfile: Buffer.from(dockerfile),
      buildArgs,
      allowed: ['docker/dockerfile:1', 'r.io:5000/fe'],
    });
  const refused = expect.objectContaining({ code: 'frontend_not_allowed' });

  test('lets pass what is on it, however it is spelt', () => {
    for (const name of [
      'docker/dockerfile:1',
      'docker.io/docker/dockerfile:1',
      'r.io:5000/fe',
      'r.io:5000/fe:latest',
    ]) {
      check(`# syntax=${name}\n`);
      check('FROM scratch', { BUILDKIT_SYNTAX: ` ${name} --flag` });
    }
    check('FROM scratch', { OTHER: 'evil/fe' });
  });

  test.each([
    'docker/dockerfile',
    'docker/dockerfile:2',
    'evil.io/docker/dockerfile:1',
    'docker/dockerfile:1\tx',
    '',
  ])('refuses %j', (name) => {
    expect(() => check(`{"syntax": ${JSON.stringify(name)}}`)).toThrow(refused);
    expect(() => check('FROM scratch', { BUILDKIT_SYNTAX: name })).toThrow(refused);
    expect(() => check('FROM scratch', { buildkit_Syntax: name })).toThrow(refused);
  });

  test('holds the Dockerfile to it even when the argument is on it', () => {
    expect(() => check('# syntax=evil/fe', { BUILDKIT_SYNTAX: 'docker/dockerfile:1' })).toThrow(refused);
  });
});
