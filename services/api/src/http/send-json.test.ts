import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
});
afterAll(() => fleet?.stop());

it('the answer about a job has the length and the ETag that Express gives it', async () => {
  const { id } = await fleet.submit({ build_args: { TEXT: 'ünïcode' } });
  /** Unlike `request`, `fetch` adds a Cache-Control of its own to conditional requests. */
  const ask = async (method: string, headers: Record<string, string> = {}) => {
    const sent = request(`${fleet.api.url}/v1/jobs/${id}`, {
      method,
      headers: { authorization: `Bearer ${fleet.mine}`, ...headers },
    }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const { etag, 'content-type': type, 'content-length': length } = answer.headers;
    return { status: answer.statusCode, etag, type, length, bytes: (await buffer(answer)).length };
  };
  const answer = await ask('GET');
  const { etag, bytes } = answer;
  expect(answer).toMatchObject({ status: 200, type: 'application/json; charset=utf-8', length: `${bytes}` });
  expect(await ask('HEAD')).toEqual({ ...answer, bytes: 0 });
  expect(await ask('GET', { 'if-none-match': String(etag) })).toMatchObject({ status: 304, etag, bytes: 0 });
  expect(await ask('GET', { 'if-none-match': '"another"' })).toEqual(answer);
});
