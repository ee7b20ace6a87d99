import { describe, expect, test } from 'vitest';
import { json, problem, serve, slipway } from '../testing/command-line.js';

const id = 'campaign_01kd4a7b8c9d0e1f2g3h4j5k6m';
const none = { queued: 0, running: 0, succeeded: 0, failed: 0, canceled: 0 };
const campaign = {
  ...{ id, state: 'paused', paused_by: 'max_failures', canceled: false, total: 20, wave: 1 },
  waves: [
    { number: 1, total: 5, state: 'running', batch: 'batch_1', counts: { ...none, succeeded: 3, failed: 2 } },
    { number: 2, total: 15, state: 'waiting', batch: 'batch_2' },
  ],
  comparison: { changed: 3, unchanged: 0, unknown: 0, failed: 2, canceled: 0 },
  ...{ base_images: ['docker.io/library/node:22'], max_failures: 1, only_changed: false, labels: {} },
  ...{ finish_by: '2026-01-02T03:04:05Z', predicted_end: '2026-01-03T03:04:05.000Z', late: true },
  created_at: '2026-01-02T03:04:05.000Z',
};
const changed = {
  ...{
    function: 'dev/a',
    wave: 1,
    job: 'job_1',
    image: 'r.example/a:1',
    reasons: ['named'],
    state: 'changed',
  },
  digest: `sha256:${'a'.repeat(64)}`,
  digest_before: `sha256:${'b'.repeat(64)}`,
};
const failed = { ...changed, function: 'dev/b', state: 'failed', code: 'build_failed', digest: undefined };
const functions = (state: string) => `GET /v1/campaigns/${id}/functions?state=${state}&limit=200`;
const answers = {
  'GET /v1/campaigns?limit=20': json(200, { campaigns: [campaign] }),
  [`GET /v1/campaigns/${id}`]: json(200, campaign),
  [functions('changed')]: json(200, { functions: [changed], next_cursor: '4' }),
  [`${functions('changed')}&cursor=4`]: json(200, { functions: [{ ...changed, function: 'dev/c' }] }),
  [functions('failed')]: json(200, { functions: [failed] }),
  [functions('unchanged')]: json(200, { functions: [] }),
};

describe('campaigns', () => {
  test.each([[[]], [['list']]])('lists the latest: %j', async (words) => {
    const { env } = await serve(answers);
    const { exit, out } = await slipway(['campaigns', ...words], env);
    expect(exit).toBe(0);
    expect(out).toMatch(/^CAMPAIGN +STATE +WAVE +FUNCTIONS +CHANGED +FAILED +AGE +END\n/);
    expect(out).toMatch(
      new RegExp(`${id} +paused: failures +1/2 +20 +3 +2 .* 2026-01-03T03:04:05.000Z \\(late\\)\n$`),
    );
    expect(JSON.parse((await slipway(['campaigns', ...words, '--json'], env)).out)).toEqual([campaign]);
  });

  test('says when there are none', async () => {
    const { env } = await serve({ 'GET /v1/campaigns?limit=5': json(200, { campaigns: [] }) });
    const { exit, err } = await slipway(['campaigns', '--limit', '5'], env);
    expect([exit, err]).toEqual([0, 'No campaigns.\n']);
  });

  test('shows one with its waves, and the functions that changed or failed', async () => {
    const { env } = await serve(answers);
    const { exit, out } = await slipway(['campaigns', 'show', id], env);
    expect(exit).toBe(0);
    expect(out).toContain('  3 changed, 2 failed\n');
    expect(out).toMatch(/\n1 +running +5 +0 +0 +3 +2 +0 +batch_1\n2 +waiting +15 +- +- +- +- +- +batch_2\n/);
    expect(out).toMatch(/\ndev\/a +changed +r.example\/a:1 +sha256:a{12} +sha256:b{12} +- +named\ndev\/c /);
    expect(out).toMatch(/\ndev\/b +failed +r.example\/a:1 +- +sha256:b{12} +build_failed +named\n$/);
    const { out: text } = await slipway(['campaigns', 'show', id, '--state', 'unchanged', '--json'], env);
    expect(JSON.parse(text)).toEqual({ ...campaign, functions: [] });
  });

  test.each(['pause', 'resume', 'cancel'])('can %s one', async (verb) => {
    const { env, asked } = await serve({
      [`POST /v1/campaigns/${id}/${verb}`]: json(202, { ...campaign, state: 'running' }),
    });
    const { exit, out } = await slipway(['campaigns', verb, id], env);
    expect([exit, out, asked.length]).toEqual([0, `${id} is running\n`, 1]);
  });

  test('repeats one, and prints the id of the new one', async () => {
    const { env } = await serve({
      [`POST /v1/campaigns/${id}/retry`]: json(202, { ...campaign, id: 'campaign_2' }),
    });
    const { exit, out, err } = await slipway(['campaigns', 'retry', id], env);
    expect([exit, out]).toEqual([0, 'campaign_2\n']);
    expect(err).toContain('20 functions in 2 waves');
  });

  test('shows why a change is refused', async () => {
    const { env } = await serve({
      [`POST /v1/campaigns/${id}/resume`]: problem(409, 'campaign_not_resumable'),
    });
    const { exit, err } = await slipway(['campaigns', 'resume', id], env);
    expect(exit).not.toBe(0);
    expect(err).toContain('campaign_not_resumable');
  });

  test.each([
    [['campaigns', 'show', id, '--state', 'good'], 'Allowed choices are waiting'],
    [['rebuild', '--behind', '--wave', '0'], 'It must be a number of functions'],
    [['rebuild', '--behind', '--wave', '101%'], 'It must be a number of functions'],
    [['rebuild', '--behind', '--canary', '0'], '--canary'],
  ])('refuses %j', async (argv, message) => {
    const { exit, err } = await slipway(argv, { SLIPWAY_URL: 'http://127.0.0.1:9', SLIPWAY_TOKEN: 'x' });
    expect(exit).toBe(2);
    expect(err).toContain(message);
  });
});

describe('rebuild', () => {
  const plan = {
    functions: [{ function: 'dev/a', image: 'r.example/a:1', reasons: ['named'], wave: 1 }],
    left_out: [],
  };

  test('starts a campaign with --canary or --wave', async () => {
    const { env, asked } = await serve({ 'POST /v1/rebuilds': json(202, { ...plan, campaign }) });
    const flags = [
      '--canary',
      '5',
      '--wave',
      '25%',
      '--max-failures',
      '1',
      '--finish-by',
      '2026-01-02T03:04:05Z',
    ];
    const { exit, out } = await slipway(
      [
        'rebuild',
        '--behind',
        '--base-image',
        'node',
        ...flags,
        '--callback',
        'https://x.example',
        '--only-changed',
      ],
      env,
    );
    expect([exit, out]).toEqual([0, `${id}\n`]);
    expect(JSON.parse(String(asked[0]?.body))).toMatchObject({
      select: { base_image: 'node', behind: true },
      waves: { canary: 5, size: '25%' },
      ...{ max_failures: 1, finish_by: '2026-01-02T03:04:05Z', only_changed: true, dry_run: false },
    });
    await slipway(['rebuild', 'dev/a', '--wave', '10', '--json'], env);
    expect(JSON.parse(String(asked[1]?.body)).waves).toEqual({ size: 10 });
  });

  test('shows the waves of a plan', async () => {
    const { env } = await serve({ 'POST /v1/rebuilds': json(200, plan) });
    const { out } = await slipway(['rebuild', 'dev/a', '--canary', '1', '--dry-run'], env);
    expect(out).toMatch(/^WAVE +FUNCTION +IMAGE +WHY\n1 +dev\/a +r.example\/a:1 +named\n$/);
  });
});
