import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dockerfile, makeContext, scratchFolder } from '../context.js';
import { startProgram } from '../program.js';
import { exampleFile, expand, type Step } from './examples.js';

const main = fileURLToPath(new URL('../../../packages/cli/dist/main.js', import.meta.url));

/** Creates a repository as the pipelines expect it: `hello/`, a `stack.yaml` with one function, and the script for pipelines without `slipway`. */
export function makeRepository(line: string): string {
  const folder = scratchFolder();
  const files = {
    'stack.yaml': [
      'version: 1.0',
      'provider: { name: openfaas }',
      'functions:',
      '  hello:',
      '    lang: dockerfile',
      '    handler: ./hello',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the stack file's own
      '    image: ${REGISTRY}/stack:1',
      '',
    ].join('\n'),
  };
  cpSync(makeContext({ Dockerfile: dockerfile(line) }), join(folder, 'hello'), { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  mkdirSync(join(folder, 'ci'));
  cpSync(exampleFile('slipway-build.sh'), join(folder, 'ci', 'slipway-build.sh'));
  return folder;
}

/** A folder for PATH that holds `slipway`. */
function commandFolder(): string {
  const folder = scratchFolder();
  const path = join(folder, 'slipway');
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  chmodSync(path, 0o755);
  return folder;
}

interface RunOptions {
  readonly steps: readonly Step[];
  readonly repository: string;
  /** The environment of the runner. */
  readonly env: Readonly<Record<string, string>>;
  /** The values of expressions in the steps' own environment. */
  readonly values?: Readonly<Record<string, string>>;
}

interface Run {
  /** The exit code of the last step that ran. */
  readonly exit: number | null;
  readonly log: string;
  /** Returns the content of a file that steps wrote: a file of the repository, or `output` and `summary` of GitHub. */
  file(name: string): string;
}

/** Runs steps one after the other, until one fails, as CI runners do: bash with -e and pipefail, in the repository. */
export async function runSteps({ steps, repository, env, values = {} }: RunOptions): Promise<Run> {
  const scratch = scratchFolder();
  const github = { GITHUB_OUTPUT: join(scratch, 'output'), GITHUB_STEP_SUMMARY: join(scratch, 'summary') };
  const path = [commandFolder(), process.env.PATH].join(delimiter);
  const known: Record<string, string> = { ...values };
  let log = '';
  let exit: number | null = 0;
  for (const { script, env: own, id } of steps) {
    const file = join(scratch, 'step.sh');
    writeFileSync(file, script);
    const given = Object.entries(own).map(([name, text]) => [name, expand(text, known)] as const);
    const { ended } = startProgram('bash', ['--noprofile', '--norc', '-eo', 'pipefail', file], {
      cwd: repository,
      env: { ...github, PATH: path, ...env, ...Object.fromEntries(given) },
    });
    const { exit: code, out, err } = await ended;
    log += out + err;
    exit = code;
    if (exit !== 0) break;
    for (const line of id !== undefined && existsSync(github.GITHUB_OUTPUT)
      ? readLines(github.GITHUB_OUTPUT)
      : []) {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) known[`steps.${id}.outputs.${name}`] = value;
    }
  }
  return {
    exit,
    log,
    file: (name) =>
      readFileSync(
        join(name === 'output' || name === 'summary' ? dirname(github.GITHUB_OUTPUT) : repository, name),
        'utf8',
      ),
  };
}

const readLines = (path: string) => readFileSync(path, 'utf8').split('\n');
