import { createServer } from 'node:net';
import { ApiError } from '@slipway/client';
import { expect, test } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { reportError } from './report-error.js';
import type { Terminal } from './terminal/terminal.js';

test('a request that got no answer is reported with host, port and cause', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const lines: string[] = [];
  const screen = { line: (text: string) => lines.push(text), style: (_style: string, text: string) => text };
  const terminal = { out: screen, err: screen } as unknown as Terminal;
  for (const url of [`http://127.0.0.1:${port}/`, `http://localhost:${port}/`]) {
    const error = await fetch(url).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(reportError(error, { terminal, json: false })).toBe(exitCodes.failed);
    expect(lines.pop()).toMatch(
      new RegExp(`^error: \\S+:${port} cannot be reached: nothing listens there \\(ECONNREFUSED\\)$`),
    );
  }
});

test('a job that is not replicated is reported with its id and the command that finds it', () => {
  const lines: string[] = [];
  const screen = { line: (text: string) => lines.push(text), style: (_style: string, text: string) => text };
  const terminal = { out: screen, err: screen } as unknown as Terminal;
  const detail =
    'The job job_01 is written, but fewer than 1 replicas of Redis have it yet. It may still run.';
  const given = { code: 'redis_not_replicated', status: 503, remedy: 'Send it again.', errors: [] };
  const error = new ApiError({ ...given, detail, retryAfter: undefined });
  expect(reportError(error, { terminal, json: false })).toBe(exitCodes.refused);
  expect(lines).toEqual([
    `error: redis_not_replicated: ${detail}`,
    expect.stringContaining('slipway status ID'),
  ]);
});
