import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { LogLine } from './index.js';
import { failure, problem, serve } from './testing/server.js';

describe('a log', () => {
  const line = (number: number): LogLine => ({ attempt: 1, line: number, text: `line ${number} é` });
  const event = (number: number) => `id: 1-${number}\nevent: log\ndata: ${JSON.stringify(line(number))}\n\n`;
  const end = 'event: end\ndata: {"state":"succeeded"}\n\n';
  const stream = (res: ServerResponse) => res.writeHead(200, { 'content-type': 'text/event-stream' });
  const all = async (lines: AsyncIterable<LogLine>) => {
    const found: number[] = [];
    for await (const { line: number } of lines) found.push(number);
    return found;
  };

  test('resumes where it broke, without gaps or repeats', async () => {
    const { client, seen } = await serve((_seen, res, count) => {
      stream(res);
      switch (count) {
        case 1: // Breaks in the middle of an event.
          return res.write(event(1) + event(2) + event(3).slice(0, 20), () => res.socket?.destroy());
        case 2: // Ends in order, but the job has not ended: a server that shuts down.
          return res.end(event(3));
        case 3:
          return res.socket?.destroy();
        default:
          return res.end(`: idle\n\n${event(4)}${end}`);
      }
    });
    expect(await all(client.followLog({ id: 'job_1' }))).toEqual([1, 2, 3, 4]);
    expect(seen.map(({ url, headers }) => [url, headers['last-event-id']])).toEqual([
      ['/v1/jobs/job_1/logs?follow=1', undefined],
      ['/v1/jobs/job_1/logs?follow=1', '1-2'],
      ['/v1/jobs/job_1/logs?follow=1', '1-3'],
      ['/v1/jobs/job_1/logs?follow=1', '1-3'],
    ]);
  });

  test('can be read without following, and from a line on', async () => {
    const { client, seen } = await serve((_seen, res) => stream(res).end(event(8) + end));
    const lines = [];
    for await (const found of client.followLog({ id: 'job_1', follow: false, after: '1-7' }))
      lines.push(found);
    expect(lines).toEqual([line(8)]);
    expect(seen[0]).toMatchObject({
      url: '/v1/jobs/job_1/logs?follow=0',
      headers: { 'last-event-id': '1-7' },
    });
  });

  test('of no job is a refusal', async () => {
    const { client } = await serve((_seen, res) => problem(res, 404, 'not_found'));
    expect(await failure(all(client.followLog({ id: 'job_1' })))).toMatchObject({ code: 'not_found' });
  });

  test('with an unreadable line is not retried', async () => {
    const { client, seen } = await serve((_seen, res) =>
      stream(res).end('id: 1-1\nevent: log\ndata: {"attempt"\n\n'),
    );
    expect(await failure(all(client.followLog({ id: 'job_1' })))).toBeInstanceOf(SyntaxError);
    expect(seen).toHaveLength(1);
  });

  test('that never continues fails', async () => {
    const { client } = await serve((_seen, res) => stream(res).end());
    const error = await failure(all(client.followLog({ id: 'job_1', follow: false })));
    expect(error).toMatchObject({
      name: 'ConnectionError',
      message: expect.stringContaining('ends too early'),
    });
  });

  test('is closed when the reader stops, throws or aborts', async () => {
    const closed: Promise<unknown>[] = [];
    const { client } = await serve((_seen, res) => {
      closed.push(once(res, 'close'));
      stream(res).write(event(1));
    });
    for await (const _line of client.followLog({ id: 'job_1' })) break;
    const thrown = async () => {
      for await (const _line of client.followLog({ id: 'job_1' })) throw new Error('enough');
    };
    expect(await failure(thrown())).toEqual(new Error('enough'));
    const leave = new AbortController();
    const left = async () => {
      for await (const _line of client.followLog({ id: 'job_1', signal: leave.signal })) {
        leave.abort(new Error('left'));
      }
    };
    expect(await failure(left())).toEqual(new Error('left'));
    expect(closed).toHaveLength(3);
    await Promise.all(closed);
  });
});
