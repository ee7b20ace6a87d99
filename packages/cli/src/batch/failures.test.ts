import { expect, test } from 'vitest';
import { json, serve, slipway } from '../testing/command-line.js';

const id = `batch_${'0'.repeat(26)}`;

test('failures are shown by cause, and those of one cause are built again', async () => {
  const cause = '5c0f3b9ad1e2';
  const names = Array.from({ length: 10 }, (_, at) => ({
    id: `job_${at}`,
    image: `r.example/${at}:1`,
    function: `dev/f${at}`,
  }));
  const { env, asked } = await serve({
    [`GET /v1/batches/${id}/failures`]: json(200, {
      failed: 13,
      groups: [
        {
          cause,
          code: 'build_failed',
          detail: 'step 2 ended with 1',
          last_line: 'no \u001b[2Jmodule',
          count: 12,
          jobs: names,
        },
        {
          cause: '0123456789ab',
          code: 'build_timeout',
          detail: 'after 10 min',
          count: 1,
          jobs: [{ id: 'job_x', image: 'r.example/x:1' }],
        },
      ],
    }),
    [`POST /v1/batches/${id}/retry`]: json(202, { id, total: 12 }),
  });
  const { exit, out } = await slipway(['batch', 'failures', id], env);
  expect({ exit, out: out.split('\n') }).toEqual({
    exit: 0,
    out: [
      '✗ 12 jobs  build_failed: no module',
      '    dev/f0, dev/f1, dev/f2, dev/f3, dev/f4, dev/f5, dev/f6, dev/f7 and 4 more',
      '    slipway logs job_0',
      `    slipway batch retry ${id} --cause ${cause}`,
      '✗ 1 job  build_timeout: after 10 min',
      '    r.example/x:1',
      '    slipway logs job_x',
      `    slipway batch retry ${id} --cause 0123456789ab`,
      '',
    ],
  });
  expect(await slipway(['batch', 'retry', '-d', id, '--cause', cause], env)).toMatchObject({ exit: 0 });
  expect(JSON.parse(String(asked.at(-1)?.body))).toEqual({ which: 'failed', cause });
  expect(await slipway(['batch', 'retry', id, '--cause', cause, '--all'], env)).toMatchObject({ exit: 2 });
});
