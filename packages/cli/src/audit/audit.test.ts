import { expect, test } from 'vitest';
import { json, problem, serve, slipway } from '../testing/command-line.js';

const entry = {
  ...{
    id: '1-0',
    at: '2026-01-31T08:00:00.123Z',
    request_id: 'r-1',
    method: 'POST',
    path: '/v1/jobs/job_1/retry',
  },
  ...{ tenant: 'team-a', token: 'tok_1', operation: 'retryJob', records: ['job_1', 'job_2'], status: 202 },
  address: '192.0.2.1',
};
const refused = {
  ...{
    id: '0-9',
    at: '2026-01-31T07:59:59.000Z',
    request_id: 'r-0',
    method: 'GET',
    path: '/v1/no\u001b[2Jwhere',
  },
  ...{ records: [], status: 401, code: 'unauthorized', address: '198.51.100.7' },
};

test('the audit log is shown as a table, newest first, page after page', async () => {
  const { env, asked } = await serve({
    'GET /v1/audit?limit=50': json(200, { entries: [entry], next_cursor: '1-0' }),
    'GET /v1/audit?limit=49&cursor=1-0': json(200, { entries: [refused] }),
  });
  const { exit, out, err } = await slipway(['audit'], env);
  expect({ exit, err }).toEqual({ exit: 0, err: '' });
  expect(out.split('\n')).toEqual([
    'WHEN                  TENANT  TOKEN  WHAT             RECORDS      OUTCOME           FROM',
    '2026-01-31T08:00:00Z  team-a  tok_1  retryJob         job_1 job_2  202               192.0.2.1',
    '2026-01-31T07:59:59Z  -       -      GET /v1/nowhere  -            401 unauthorized  198.51.100.7',
    '',
  ]);
  expect(asked).toHaveLength(2);
});

test('sends filters to the API, and prints JSON', async () => {
  const query =
    'tenant=team-a&token=tok_1&operation=retryJob&since=2026-01-31T00%3A00%3A00.000Z&until=2026-02-01T08%3A00%3A00.000Z&limit=1';
  const { env } = await serve({
    [`GET /v1/audit?${query}`]: json(200, { entries: [entry], next_cursor: '1-0' }),
  });
  const filters = ['--tenant', 'team-a', '--by-token', 'tok_1', '--operation', 'retryJob'];
  const times = ['--since', '2026-01-31', '--until', '2026-02-01T08:00Z'];
  const { exit, out } = await slipway(['audit', ...filters, ...times, '--limit', '1', '--json'], env);
  expect(exit).toBe(0);
  expect(JSON.parse(out)).toEqual([entry]);
});

test('a time may be an age', async () => {
  const { env, asked } = await serve({});
  await slipway(['audit', '--since', '2h'], env);
  const since = new URL(`http://x${asked[0]?.call.split(' ')[1]}`).searchParams.get('since') ?? '';
  const ago = Date.now() - Date.parse(since);
  expect(ago).toBeGreaterThanOrEqual(2 * 3_600_000);
  expect(ago).toBeLessThan(2 * 3_600_000 + 60_000);
  expect((await slipway(['audit', '--since', 'soon'], env)).err).toMatch(/--since.*2026-01-31/);
});

test('reports an empty log, and a token without the scope', async () => {
  const { env } = await serve({ 'GET /v1/audit?limit=50': json(200, { entries: [] }) });
  expect(await slipway(['audit'], env)).toEqual({
    ...{ exit: 0, out: '', err: 'The audit log has no matching entry.\n' },
  });
  const other = await serve({ 'GET /v1/audit?limit=50': problem(403, 'forbidden') });
  expect((await slipway(['audit'], other.env)).exit).toBe(3);
});
