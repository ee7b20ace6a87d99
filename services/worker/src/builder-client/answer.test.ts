import { describe, expect, it } from 'vitest';
import { readAnswer } from './answer.js';

const ignore = () => undefined;
const image = 'r/x:1';
const digest = `sha256:${'1'.repeat(64)}`;
const read = async (parts: readonly (string | Buffer)[], ndjson = true, asked = image) => {
  const log: string[] = [];
  const body = (async function* () {
    for (const part of parts) yield Buffer.from(part as string);
  })();
  let drains = 0;
  const onLog = (lines: readonly string[]) => log.push(...lines);
  const end = await readAnswer({ body, ndjson, image: asked, onLog, onDraining: () => drains++ });
  return { end, log, ...(drains > 0 && { drains }) };
};
const rateLimited =
  'failed to solve: node:22: failed to resolve source metadata for docker.io/library/node:22: 429 Too Many Requests';
const pushRefused =
  'failed to solve: failed to push r.example/x:1: unexpected status from HEAD request: 401 Unauthorized';
const killed = (said: string) =>
  `A step was killed, probably for lack of memory (exit code 137). Raise the memory of the BuildKit daemon, or make the step use less. ${said}`;
const line = (value: object) => `${JSON.stringify(value)}\n`;

describe("a builder's answer", () => {
  it('streams log lines and ends with a status', async () => {
    const text =
      line({ log: ['v: [1/2] FROM'], status: 'in_progress' }) + line({ log: ['ü'], status: 'in_progress' });
    const ending = line({ image: 'r/x:1', status: 'success', digest, duration: 1.25 });
    // Cut anywhere, also inside a character.
    const bytes = Buffer.from(text + ending);
    const log: string[] = [];
    const body = (async function* () {
      for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
    })();
    const onLog = (lines: readonly string[]) => log.push(...lines);
    const end = await readAnswer({ body, ndjson: true, image, onLog, onDraining: ignore });
    expect(log).toEqual(['v: [1/2] FROM', 'ü']);
    expect(end).toEqual({ status: 'success', digest, durationMs: 1_250, bases: { from: 'log', list: [] } });
  });

  it('reports that the builder drains, and goes on', async () => {
    const drain = line({ log: [], status: 'in_progress', draining: true });
    const ending = line({ image, status: 'success', duration: 1 });
    expect(await read([drain, line({ log: ['a'], status: 'in_progress', draining: false }), ending])).toEqual(
      {
        end: { status: 'success', digest: undefined, durationMs: 1_000, bases: { from: 'log', list: [] } },
        log: ['a'],
        drains: 1,
      },
    );
  });

  it('is read whole as well, in the spelling of older builders', async () => {
    const body = JSON.stringify({ logs: ['a', 'b'], imageName: 'r/x:1', status: 'success' }, null, 2);
    expect(await read([body], false)).toEqual({
      end: { status: 'success', digest: undefined, durationMs: 0, bases: { from: 'log', list: [] } },
      log: ['a', 'b'],
    });
  });

  it('is read line by line when a builder streams without saying so', async () => {
    const parts = [line({ log: ['a'], status: 'in_progress' }), line({ status: 'success' })];
    expect((await read(parts, false)).log).toEqual(['a']);
  });

  it.each([
    [{ status: 'failed', error: 'exit code: 1' }, 'build_failed', 'exit code: 1'],
    [{ status: 'failed', error: 'exit code: 137' }, 'step_killed', killed('exit code: 137')],
    [{ status: 'failure: exit code: 137' }, 'step_killed', killed('exit code: 137')],
    [{ status: 'failed', error: 'why', code: 'step_killed' }, 'step_killed', 'why'],
    [{ status: 'failure', error: 'exit code: 1' }, 'build_failed', 'exit code: 1'],
    [{ status: 'failure: exit code: 1' }, 'build_failed', 'exit code: 1'],
    [{ status: 'unexpected failure: exit code: 1' }, 'build_failed', 'exit code: 1'],
    [{ status: 'failed', error: 'x', code: 'push_failed' }, 'push_failed', 'x'],
    [{ status: 'failed', error: 'x', code: 'made_up' }, 'build_failed', 'x'],
    [{ status: 'failed', error: rateLimited }, 'pull_rate_limited', rateLimited],
    // The last line may be what a step of the user printed: it blames no replica.
    [{ status: 'failed', log: ['failed to list workers: Unavailable'] }, 'build_failed', 'The build failed.'],
    [
      { status: 'failed', error: 'failed to list workers: Unavailable' },
      'engine_unreachable',
      'failed to list workers: Unavailable',
    ],
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

const mebibyte = 1024 * 1024;
const success = (changes: object) => line({ status: 'success', ...changes });

describe('an answer out of bounds', () => {
  it.each([
    ['a line of nested JSON', [`${'['.repeat(300_000)}`, '\n']],
    ['ten mebibytes of nested JSON in one line', ['['.repeat(10 * mebibyte)]],
    ['a line that never ends', Array.from({ length: 40 }, () => 'x'.repeat(mebibyte / 4))],
    ['an error of 20 MB', [line({ status: 'failed', error: 'x'.repeat(20e6) })]],
    [
      'a line that is too long before its line break comes',
      [line({ log: ['x'.repeat(2 * mebibyte)], status: 'in_progress' })],
    ],
    [
      'too many values in one object',
      [line({ log: Array.from({ length: 300_000 }, () => ''), status: 'in_progress' })],
    ],
    [
      'a deep object in an unknown field',
      [success({ extra: JSON.parse(`${'['.repeat(3_000)}${']'.repeat(3_000)}`) })],
    ],
    ['a digest that is none', [success({ digest: 'not a digest <img src=x onerror=alert(1)>' })]],
    ['a short digest', [success({ digest: 'sha256:1' })]],
    ['a digest of another algorithm', [success({ digest: `sha512:${'1'.repeat(128)}` })]],
    ['a digest in capitals', [success({ digest: `sha256:${'A'.repeat(64)}` })]],
    ["another image's name", [success({ image: 'r/y:1' })]],
    ["another image's name in the old spelling", [success({ imageName: 'r/y:1' })]],
    ['two names', [success({ image, imageName: 'r/y:1' })]],
    ['another tag', [success({ image: 'r/x:2' })]],
    ['the image at another registry', [success({ image: 'r.example/r/x:1' })]],
    ['the image with another digest', [success({ image: `r/x:1@sha256:${'2'.repeat(64)}`, digest })]],
    ['a name that is no reference', [success({ image: 'r/x:1 <b>' })]],
    ['a negative duration', [success({ duration: -1 })]],
    ['an endless duration', ['{"status":"success","duration":1e999}\n']],
    ['a duration of a century', [success({ duration: 3.2e9 })]],
    ['a duration that is a text', [success({ duration: '1' })]],
  ])('%s is a broken protocol', async (_what, parts) => {
    await expect(read(parts)).rejects.toMatchObject({ code: 'builder_protocol' });
    await expect(read(parts, false)).rejects.toMatchObject({ code: 'builder_protocol' });
  });

  it('says what was wrong with the value, in few characters', async () => {
    const wrong = async (changes: object) => (await read([success(changes)]).catch((error) => error)).message;
    expect(await wrong({ digest: 'sha256:<img>' })).toBe(
      'The builder answered the digest "sha256:<img>", which is no sha256 digest.',
    );
    expect(await wrong({ image: 'evil/x:1' })).toBe(
      'The builder answered the image "evil/x:1", and r/x:1 was asked for.',
    );
    expect(await wrong({ duration: -2 })).toBe(
      'The builder answered the duration -2, which is not between 0 s and 7 days.',
    );
    expect((await wrong({ digest: 'x'.repeat(500_000) })).length).toBeLessThan(300);
  });

  it('is refused before the rest of it is read', async () => {
    let read = 0;
    const body = (async function* () {
      for (; read < 10_000; read++) yield Buffer.alloc(64 * 1024, 'x');
    })();
    await expect(
      readAnswer({ body, ndjson: true, image, onLog: ignore, onDraining: ignore }),
    ).rejects.toMatchObject({
      code: 'builder_protocol',
    });
    expect(read).toBeLessThan(40);
  });

  it('is more than 16 MiB in one object', async () => {
    const log = Array.from({ length: 17 }, () => 'x'.repeat(mebibyte - 100));
    await expect(read([JSON.stringify({ log, status: 'success' })], false)).rejects.toMatchObject({
      code: 'builder_protocol',
    });
    expect((await read([JSON.stringify({ log: log.slice(2), status: 'success' })], false)).end).toMatchObject(
      {
        status: 'success',
      },
    );
  });

  it('is no stream of many lines, however long its log is', async () => {
    const chatty = line({ log: ['x'.repeat(mebibyte / 2)], status: 'in_progress' });
    const { end } = await read([...Array.from({ length: 40 }, () => chatty), success({})]);
    expect(end).toMatchObject({ status: 'success' });
  });

  it('has a detail of 4 KB at most', async () => {
    const { end } = await read([line({ status: 'failed', error: `begins ${'ü'.repeat(100_000)}` })]);
    expect(end).toMatchObject({ status: 'failed', code: 'build_failed' });
    const { detail } = end as { detail: string };
    expect(detail).toMatch(/^begins ü+…$/);
    expect(Buffer.byteLength(detail)).toBeLessThanOrEqual(4096);
  });

  it.each(['quarantined', 'superseded', 'canceled', 'redis_full', 'retries_exhausted'])(
    'does not decide what only Slipway decides: %s',
    async (code) => {
      expect((await read([line({ status: 'failed', error: 'x', code })])).end).toMatchObject({
        code: 'build_failed',
      });
    },
  );
});

describe('the image that an answer names', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['docker.io/nginx:latest', 'nginx'],
    ['index.docker.io/team/x:1', 'team/x:1'],
    ['r.example/x', 'r.example/x:latest'],
    ['r.example:5000/x:1', 'r.example:5000/x:1'],
    ['R.example/x:1', 'r.example/x:1'],
    [image, `r/x:1@${digest}`],
  ])('%s may be spelled %s', async (asked, named) => {
    const { end } = await read([success({ image: named, digest })], true, asked);
    expect(end).toMatchObject({ status: 'success', digest });
  });

  it('need not be there', async () => {
    expect((await read([success({ image: null, digest: null, duration: null })])).end).toEqual({
      status: 'success',
      digest: undefined,
      durationMs: 0,
      bases: { from: 'log', list: [] },
    });
  });
});
