import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { startStack } from './stack.js';

test('a stack is ready, survives the loss of a worker, and leaves nothing behind', async () => {
  const stack = await startStack({ workers: 1, builders: 1 });
  const pids = stack.parts.map(({ pid }) => pid);
  try {
    expect((await stack.call('/readyz')).status).toBe(200);
    expect((await fetch(`${stack.url}/v1/jobs`)).status).toBe(401);
    expect((await stack.call('/v1/jobs')).status).toBe(200);
    stack.kill('worker 1', 'SIGKILL');
    expect((await stack.failed).part.name).toBe('worker 1');
    const worker = await stack.startWorker();
    pids.push(worker.pid);
    expect((await fetch(`${worker.url}/readyz`)).status).toBe(200);
  } finally {
    await stack.stop();
  }
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(existsSync(stack.folder)).toBe(false);
});
