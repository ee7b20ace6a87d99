import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { slipway } from '../testing/command-line.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  for (const shell of ['bash', 'zsh']) {
    const { exit, out } = await slipway(['completion', shell]);
    expect(exit).toBe(0);
    writeFileSync(join(folder.path, shell), out);
  }
  writeFileSync(join(folder.path, 'stack.yaml'), '');
});
afterAll(() => folder.remove());

/** Returns the completions of the last word in bash. */
function bash(...words: string[]): string[] {
  const script = `source ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _slipway; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['--norc', '-euc', script, 'bash', 'slipway', ...words], {
    cwd: folder.path,
  });
  return out.toString().split('\n').filter(Boolean);
}

// zsh handles Tab only once its line editor has started.
/** Returns the command line of an interactive zsh after Tab, or the list that it shows. */
function zsh(typed: string): string {
  const script = `
    zmodload zsh/zpty
    zpty -b shell "TERM=dumb zsh -f -i"
    zpty -w shell 'PS1= PROMPT=; autoload -U compinit; compinit -u -D; source ./zsh; LISTMAX=9999; zle-line-init() { echo re""ady }; zle -N zle-line-init'
    zpty -r -m shell out '*ready*'
    zpty -w -n shell $'${typed}\\t'
    zpty -w -n shell $'\\x15echo do""ne\\n'
    zpty -r -m shell out '*done*'
    print -r -- "$out"`;
  return execFileSync('zsh', ['-f', '-c', script], {
    cwd: folder.path,
    timeout: 60_000,
  }).toString();
}

describe('completion', () => {
  test('in bash offers commands, options, choices, and leaves files to the shell', () => {
    expect(bash('pub')).toEqual(['publish']);
    expect(bash('batch', '')).toEqual(expect.arrayContaining(['list', 'status', 'watch', 'retry', 'cancel']));
    expect(bash('publish', '--skip')).toEqual(['--skip-unchanged']);
    expect(bash('publish', '--on-failure', '')).toEqual(['continue', 'stop']);
    expect(bash('publish', '--dry-run', '--tag', 'd')).toEqual(['describe', 'digest']);
    expect(bash('publish', '-f', 'st')).toEqual([]);
    expect(bash('build', '--no-')).toEqual(['--no-cache', '--no-push', '--no-vcs']);
    expect(bash('build', '--image')).toEqual(['--image', '--image-label']);
    expect(bash('build', '-t', '')).toEqual([]);
    expect(bash('rebuild', '--an')).toEqual(['--annotation']);
    expect(bash('completion', '')).toEqual(['bash', 'zsh']);
    expect(bash('batch', 'retry', '--a')).toEqual(['--all']);
    expect(bash('webhooks', 're')).toEqual(['redeliver', 'recover']);
    expect(bash('webhooks', 'create', '--event', 'job.c')).toEqual(['job.canceled']);
    expect(bash('webhooks', 'update', '--format', 'gitlab_p')).toEqual(['gitlab_pipeline']);
    expect(bash('tenants', 'pay')).toEqual(['payload-secrets']);
    expect(bash('tenants', 'payload-secrets', 'cr')).toEqual(['create']);
    expect(bash('tenants', 'set', '--highest-priority', 'l')).toEqual(['low']);
  });

  test('in zsh does so, too', () => {
    expect(zsh('slipway pub')).toContain('slipway publish ');
    expect(zsh('slipway publish --skip')).toContain('--skip-unchanged');
    expect(zsh('slipway publish --tag desc')).toContain('--tag describe');
    expect(zsh('slipway publish -f sta')).toContain('-f stack.yaml');
    expect(zsh('slipway batch re')).toContain('batch retry');
    expect(zsh('slipway webhooks deliveries --state del')).toContain('--state delivered');
  });
});

test('only bash and zsh are known', async () => {
  const { exit, err } = await slipway(['completion', 'fish']);
  expect({ exit, err }).toEqual({ exit: 2, err: expect.stringContaining('Allowed choices are bash, zsh') });
});
