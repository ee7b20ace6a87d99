import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { describe, expect, onTestFinished, test } from 'vitest';
import { json, serve, slipway } from '../testing/command-line.js';

const time = '2026-01-02T03:04:05.000Z';
const view = {
  name: 'dev/fn',
  spec: {
    ...{ image: 'r.example/fn:1', source: { digest: 'sha256:s' }, build_args: { A: '1' }, labels: {} },
    template: { name: 'node', digest: 'sha256:t', handler_folder: 'function' },
  },
  last_job: 'job_1',
  updated_at: time,
  base_images: ['docker.io/library/node:22'],
  last_success: {
    job: 'job_1',
    finished_at: time,
    result: { image: 'r.example/fn:1', digest: 'sha256:d', duration_ms: 1 },
  },
};
const batch = { id: 'batch_1', state: 'running', total: 1, counts: {}, labels: {}, created_at: time };

describe('functions', () => {
  test('lists matching functions, page by page, with or without the word list', async () => {
    const { env } = await serve({
      'GET /v1/functions?limit=200&base_image=node': json(200, { functions: [view], next_cursor: 'dev/fn' }),
      'GET /v1/functions?limit=200&base_image=node&cursor=dev%2Ffn': json(200, {
        functions: [{ ...view, name: 'dev/g' }],
      }),
      'GET /v1/functions?limit=200': json(200, { functions: [] }),
    });
    const { exit, out } = await slipway(['functions', 'list', '--base-image', 'node'], env);
    expect(exit).toBe(0);
    expect(out).toMatch(
      /^FUNCTION .*\ndev\/fn +r\.example\/fn:1 +node +docker\.io\/library\/node:22 .* ago\ndev\/g /,
    );
    expect(await slipway(['functions'], env)).toEqual({ exit: 0, out: '', err: 'No functions.\n' });
  });

  test('shows a function with its history', async () => {
    const history = [{ job: 'job_1', state: 'failed', created_at: time, code: 'build_failed' }];
    const { env } = await serve({ 'GET /v1/functions/openfaas-fn/fn': json(200, { ...view, history }) });
    const { out } = await slipway(['functions', 'show', 'fn'], env);
    expect(out).toMatch(/build args +A=1\n[\s\S]*base images +docker\.io[\s\S]*job_1 +failed .*build_failed/);
    expect(await slipway(['functions', 'show', 'a/b/c'], env)).toMatchObject({ exit: 2 });
  });
});

describe('rebuild', () => {
  test('sends the selection and the changes', async () => {
    const { env, asked } = await serve({
      'POST /v1/rebuilds': json(202, {
        functions: [{ function: 'dev/fn', image: 'r.example/fn:2', reasons: [] }],
        left_out: [{ function: 'dev/old', code: 'source_not_found', reason: 'its source is gone' }],
        batch,
      }),
    });
    const { exit, out, err } = await slipway(
      [
        ...[
          'rebuild',
          'fn',
          'dev/g',
          '--base-image',
          'node:22',
          '--label',
          'a=1',
          '--set-label',
          'b=2',
          '-d',
        ],
        ...[
          '--image',
          '{repository}:{release}',
          '--value',
          'release=7',
          '--build-arg',
          'A=2',
          '--same-template',
        ],
      ],
      env,
    );
    expect({ exit, out }).toEqual({ exit: 0, out: 'batch_1\n' });
    expect(err).toBe('rebuild    1 function\nleft out   dev/old: source_not_found: its source is gone\n');
    expect(JSON.parse(asked[0]?.body.toString() ?? '')).toEqual({
      select: { functions: ['fn', 'dev/g'], base_image: 'node:22', labels: { a: '1' } },
      ...{ image: '{repository}:{release}', values: { release: '7' }, build_args: { A: '2' } },
      ...{ labels: { b: '2' }, template: 'same', priority: 'low', skip_if_unchanged: false },
      ...{ on_failure: 'continue', dry_run: false },
    });
  });

  test('with --dry-run shows the functions with reasons', async () => {
    const { env } = await serve({
      'POST /v1/rebuilds': json(200, {
        functions: [{ function: 'dev/fn', image: 'r.example/fn:1', reasons: ['built from node:22'] }],
        left_out: [],
      }),
    });
    const { out, err } = await slipway(['rebuild', '--name', '*', '--dry-run'], env);
    expect(out).toMatch(/\ndev\/fn +r\.example\/fn:1 +built from node:22\n$/);
    expect(err).toBe('Nothing was submitted. 1 function would be built.\n');
  });

  test('without a selection is wrong usage', async () => {
    const { env, asked } = await serve({});
    const { exit, err } = await slipway(['rebuild'], env);
    expect({ exit, asked }).toEqual({ exit: 2, asked: [] });
    expect(err).toMatch(/no functions are selected[\s\S]*--name "\*"/);
  });
});

describe('templates', () => {
  const template = {
    name: 'node',
    version: 2,
    digest: 'sha256:t',
    handler_folder: 'function',
    updated_at: time,
  };
  test('push sends the folder under its name, and list shows it', async () => {
    const folder = await temporaryFolder();
    onTestFinished(() => folder.remove());
    mkdirSync(join(folder.path, 'node'));
    const { env, asked } = await serve({
      'PUT /v1/templates/node': json(201, template),
      'PUT /v1/templates/other?rebuild=true': json(200, template),
      'GET /v1/templates?limit=200': json(200, {
        templates: [{ ...template, build_options: [{ name: 'dev', packages: [] }] }],
      }),
    });
    const push = (...more: string[]) =>
      slipway(['templates', 'push', join(folder.path, 'node'), ...more], env);
    expect(await push()).toMatchObject({ exit: 2, err: expect.stringContaining('no template.yml') });
    writeFileSync(join(folder.path, 'node', 'template.yml'), 'language: node\n');
    expect(await push()).toMatchObject({ exit: 0, err: 'template   node, version 2, sha256:t\n' });
    expect(asked[0]?.body.includes('language: node')).toBe(true);
    expect((await push('--name', 'other', '--rebuild')).err).toContain('No function that uses it');
    expect((await slipway(['templates'], env)).out).toMatch(/\nnode +2 +sha256:t +function +dev /);
  });
});
