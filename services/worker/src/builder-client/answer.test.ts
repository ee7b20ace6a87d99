import { describe, expect, it } from 'vitest';
import { readAnswer } from './answer.js';

const read = async (parts: readonly string[], ndjson = true) => {
  const log: string[] = [];
  const body = (async function* () {
    for (const part of parts) yield Buffer.from(part);
  })();
  const end = await readAnswer({ body, ndjson, onLog: (lines) => log.push(...lines) });
  return { end, log };
};
const rateLimited =
  'failed to solve: node:22: failed to resolve source metadata for docker.io/library/node:22: 429 Too Many Requests';
const pushRefused =
  'failed to solve: failed to push r.example/x:1: unexpected status from HEAD request: 401 Unauthorized';
const line = (value: object) => `${JSON.stringify(value)}\n`;

describe("a builder's answer", () => {
  it('streams log lines and ends with a status', async () => {
    const text =
      line({ log: ['v: [1/2] FROM'], status: 'in_progress' }) + line({ log: ['ü'], status: 'in_progress' });
    const ending = line({ image: 'r/x:1', status: 'success', digest: 'sha256:1', duration: 1.25 });
    // Cut anywhere, also inside a character.
    const bytes = Buffer.from(text + ending);
    const log: string[] = [];
    const body = (async function* () {
      for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
    })();
    const end = await readAnswer({ body, ndjson: true, onLog: (lines) => log.push(...lines) });
    expect(log).toEqual(['v: [1/2] FROM', 'ü']);
    expect(end).toEqual({ status: 'success', image: 'r/x:1', digest: 'sha256:1', durationMs: 1_250 });
  });

  it('is read whole as well, in the spelling of older builders', async () => {
    const body = JSON.stringify({ logs: ['a', 'b'], imageName: 'r/x:1', status: 'success' }, null, 2);
    expect(await read([body], false)).toEqual({
      end: { status: 'success', image: 'r/x:1', digest: undefined, durationMs: 0 },
      log: ['a', 'b'],
    });
  });

  it('is read line by line when a builder streams without saying so', async () => {
    const parts = [line({ log: ['a'], status: 'in_progress' }), line({ status: 'success' })];
    expect((await read(parts, false)).log).toEqual(['a']);
  });

  it.each([
    [{ status: 'failed', error: 'exit code: 1' }, 'build_failed', 'exit code: 1'],
    [{ status: 'failure', error: 'exit code: 1' }, 'build_failed', 'exit code: 1'],
    [{ status: 'failure: exit code: 1' }, 'build_failed', 'exit code: 1'],
    [{ status: 'unexpected failure: exit code: 1' }, 'build_failed', 'exit code: 1'],
    [{ status: 'failed', error: 'x', code: 'push_failed' }, 'push_failed', 'x'],
    [{ status: 'failed', error: 'x', code: 'made_up' }, 'build_failed', 'x'],
    [{ status: 'failed', error: rateLimited }, 'pull_rate_limited', rateLimited],
    [{ status: 'failed', log: [pushRefused] }, 'push_unauthorized', 'The build failed.'],
  ])('%j is a failure', async (answer, code, detail) => {
    expect((await read([line(answer)])).end).toEqual({ status: 'failed', code, detail });
  });

  it.each([
    ['nothing', ['']],
    ['a stream without a terminal status', [line({ log: ['a'], status: 'in_progress' })]],
    ['a line that is cut off', [line({ status: 'in_progress' }), '{"status":"succ']],
    ['something else than JSON', ['<html>Bad Gateway</html>\n']],
    ['an unknown form', [line({ state: 'success' })]],
    ['an unknown status', [line({ status: 'succeeded' })]],
  ])('%s is a broken protocol', async (_what, parts) => {
    await expect(read(parts)).rejects.toMatchObject({ code: 'builder_protocol' });
    await expect(read(parts, false)).rejects.toMatchObject({ code: 'builder_protocol' });
  });
});
