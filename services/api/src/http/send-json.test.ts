import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
});
afterAll(() => fleet?.stop());

it('the answer about a job has the length and the ETag that Express gives it', async () => {
  const { id } = await fleet.submit({ build_args: { TEXT: 'ünïcode' } });
  const ask = async (method: string, headers: Record<string, string> = {}) => {
    const answer = await fleet.api.call(`/v1/jobs/${id}`, {
      method,
      headers: { authorization: `Bearer ${fleet.mine}`, 'accept-encoding': 'identity', ...headers },
    });
    const { status } = answer;
    const [etag, type, length] = ['etag', 'content-type', 'content-length'].map((name) =>
      answer.headers.get(name),
    );
    return { status, etag, type, length, bytes: (await answer.arrayBuffer()).byteLength };
  };
  const answer = await ask('GET');
  const { etag, bytes } = answer;
  expect(answer).toMatchObject({ status: 200, type: 'application/json; charset=utf-8', length: `${bytes}` });
  expect(await ask('HEAD')).toEqual({ ...answer, bytes: 0 });
  expect(await ask('GET', { 'if-none-match': etag ?? '' })).toMatchObject({ status: 304, etag, bytes: 0 });
  expect(await ask('GET', { 'if-none-match': '"another"' })).toEqual(answer);
});
