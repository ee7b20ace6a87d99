import { expect, test } from 'vitest';
import { json, serve, slipway } from '../testing/command-line.js';

const held = {
  reason: 'restored',
  since: '2026-05-17T09:12:30.004Z',
  redis_at: '2026-05-17T02:00:03.511Z',
  known_at: '2026-05-17T08:59:48.020Z',
};

test('a held queue is shown with its reason and the commands that release it', async () => {
  const { env } = await serve({ 'GET /v1/queue': json(200, { pools: [], registries: [], held }) });
  const { exit, err } = await slipway(['queue'], env);
  expect([exit, err]).toEqual([0, expect.stringContaining('the data of 2026-05-17T02:00:03.511Z')]);
  expect(err).toContain('slipway release --cancel');
});

test('the queue is held, and released with a choice about the jobs of a backup', async () => {
  const { env, asked } = await serve({
    'POST /v1/queue/hold': (res) => res.writeHead(204).end(),
    'POST /v1/queue/release': json(200, { canceled: 3 }),
  });
  expect((await slipway(['hold'], env)).exit).toBe(0);
  expect((await slipway(['release', '--cancel'], env)).out).toBe(
    '3 jobs are canceled. New jobs start again.\n',
  );
  expect((await slipway(['release', '--run'], env)).out).toBe('Jobs start again.\n');
  const options = ['--run', '--json', '--server', env.SLIPWAY_URL, '--token', 'hush'];
  expect((await slipway(['release', ...options])).out).toBe('{"canceled":3}\n');
  expect(asked.slice(1).map(({ body }) => JSON.parse(body.toString()))).toEqual([
    { jobs: 'cancel' },
    { jobs: 'run' },
    { jobs: 'run' },
  ]);
});

test.each([[[]], [['--run', '--cancel']]])('a release without one choice is refused: %j', async (options) => {
  const { env, asked } = await serve({});
  const { exit, err } = await slipway(['release', ...options], env);
  expect([exit, asked]).toEqual([2, []]);
  expect(err).toContain('choose one of --run and --cancel');
});
