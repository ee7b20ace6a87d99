import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '@slipway/local';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from '../compose/model.js';
import { scratchFolder } from '../context.js';
import { exampleFile } from './examples.js';

const actionlint = findTool('actionlint');
describe.runIf(process.env.CI || actionlint)('actionlint', () => {
  const lint = (workflow: string) => {
    const folder = scratchFolder();
    const config = join(folder, 'actionlint.yaml');
    const file = join(folder, 'workflow.yml');
    writeFileSync(config, 'self-hosted-runner:\n  labels: [slipway]\n');
    writeFileSync(file, workflow);
    return execFileSync(actionlint ?? 'actionlint', ['-config-file', config, file], { encoding: 'utf8' });
  };

  test('accepts the example workflow for GitHub and rejects a wrong one', () => {
    const workflow = readFileSync(exampleFile('github-actions.yml'), 'utf8');
    expect(lint(workflow)).toBe('');
    expect(() => lint(workflow.replace('steps.build.outputs', 'steps.built.outputs'))).toThrow();
  });

  test('accepts the workflow of this repository and rejects a wrong one', () => {
    const workflow = readFileSync(join(root, '.github', 'workflows', 'ci.yml'), 'utf8');
    expect(lint(workflow)).toBe('');
    expect(() => lint(workflow.replace('github.ref', 'github.reference'))).toThrow();
  });
});

interface Workflow {
  readonly jobs: {
    readonly test: {
      readonly container: { readonly options: string };
      readonly steps: readonly { readonly run?: string; readonly with?: Readonly<Record<string, string>> }[];
    };
  };
}

test('the workflow of this repository runs .ci/run in a privileged container with the Go version that the setup needs', () => {
  const text = readFileSync(join(root, '.github', 'workflows', 'ci.yml'), 'utf8');
  const { container, steps } = (parse(text) as Workflow).jobs.test;
  expect(container.options).toBe('--privileged');
  expect(steps.at(-1)?.run).toBe('.ci/run');
  const files = steps.flatMap((step) => step.with?.['go-version-file'] ?? []);
  expect(files).toHaveLength(1);
  for (const file of files) expect(readFileSync(join(root, file), 'utf8')).toMatch(/^go 1\.\d+\.\d+$/m);
});
