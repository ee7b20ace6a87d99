import { CampaignStore } from '@slipway/control-plane/campaigns';
import type { Campaign } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { builtDigest, type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
let campaigns: CampaignStore;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
  campaigns = new CampaignStore({ redis: fleet.redis, keys: redisKeys(fleet.api.prefix) });
});
afterAll(() => fleet.stop());
beforeEach(() => fleet.renew());

const node22 = 'docker.io/library/node:22-alpine';
const digestOf = (letter: string) => `sha256:${letter.repeat(64)}`;
const callback = {
  url: 'https://ci.example/hook',
  secret: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
};

const rebuild = (body: object, token?: string) => fleet.say('POST', '/v1/rebuilds', body, token);
const said = async (body: object) => {
  const answer = await rebuild(body);
  return [answer.status, answer.body.code, answer.body.errors?.[0].path];
};
const built = async (name: string, digest = digestOf('1'), token?: string) => {
  const job = await fleet.submit({ function: name, image: `ghcr.io/team/${name}:1` }, token);
  await fleet.succeed(job.id, [node22], [{ reference: node22, digest }]);
};
/** Builds functions f-0, f-1, … on one base image. */
const functions = async (count: number) => {
  const names = Array.from({ length: count }, (_, at) => `dev/f-${at}`);
  for (const name of names) await built(name);
  return names;
};
const waves = { canary: 1, size: '50%' };
const started = async (body: object = {}): Promise<Campaign> => {
  const answer = await rebuild({ select: { namespace: 'dev' }, waves, ...body });
  expect([answer.status, answer.body.detail]).toEqual([202, undefined]);
  expect(answer.headers.get('location')).toBe(`/v1/campaigns/${answer.body.campaign.id}`);
  return answer.body.campaign;
};
const get = async (id: string): Promise<Campaign> => (await fleet.say('GET', `/v1/campaigns/${id}`)).body;
const rows = async (id: string, query = '') =>
  (await fleet.say('GET', `/v1/campaigns/${id}/functions?limit=200${query}`)).body.functions;
const act = (id: string, what: string, token?: string) =>
  fleet.say('POST', `/v1/campaigns/${id}/${what}`, undefined, token);
const jobsOf = async (id: string, wave: number): Promise<string[]> =>
  (await rows(id))
    .filter((row: { wave: number }) => row.wave === wave)
    .map((row: { job: string }) => row.job);
/** Ends a wave as the leading worker does. */
const leave = async (id: string, wave: number, states: readonly ('changed' | 'failed')[]) => {
  const { waves: all } = await get(id);
  const first = all.slice(0, wave - 1).reduce((sum, { total }) => sum + total, 0);
  await campaigns.recordResults(id, { wave, first, results: states.map((state) => ({ state })) });
  return await campaigns.advance(id, wave);
};

describe('a campaign', () => {
  it('is planned in waves, each function in exactly one', async () => {
    const names = await functions(5);
    const { status, body } = await rebuild({ select: { namespace: 'dev' }, waves, dry_run: true });
    expect(status).toBe(200);
    expect(body).not.toHaveProperty('campaign');
    expect(
      body.functions.map((each: { function: string; wave: number }) => [each.function, each.wave]),
    ).toEqual(names.map((name, at) => [name, at === 0 ? 1 : at < 4 ? 2 : 3]));
    expect((await fleet.say('GET', '/v1/campaigns')).body).toEqual({ campaigns: [] });
  });

  it('shows its waves, its functions with reasons, and the comparison', async () => {
    await functions(4);
    const { id } = await started({ labels: { why: 'cve' }, max_failures: 2, max_running: 3 });
    expect(await get(id)).toMatchObject({
      ...{ id, state: 'running', canceled: false, total: 4, wave: 1, max_failures: 2, max_running: 3 },
      ...{ base_images: [], only_changed: false, labels: { rebuild: 'namespace:dev', why: 'cve' } },
      waves: [
        { number: 1, total: 1, state: 'running', counts: { queued: 1 } },
        { number: 2, total: 2, state: 'waiting', counts: { queued: 2 } },
        { number: 3, total: 1, state: 'waiting', counts: { queued: 1 } },
      ],
    });
    expect(await rows(id)).toMatchObject([
      {
        ...{ function: 'dev/f-0', wave: 1, state: 'waiting', reasons: ['namespace dev'] },
        ...{ image: 'ghcr.io/team/dev/f-0:1', digest_before: builtDigest },
      },
      { function: 'dev/f-1', wave: 2 },
      { function: 'dev/f-2', wave: 2 },
      { function: 'dev/f-3', wave: 3 },
    ]);
    const [job = ''] = await jobsOf(id, 1);
    expect((await fleet.say('GET', `/v1/jobs/${job}`)).body).toMatchObject({
      priority: 'low',
      labels: { why: 'cve' },
    });
    await fleet.succeed(job);
    // The image has the same digest as before.
    expect(await rows(id, '&state=unchanged')).toMatchObject([{ function: 'dev/f-0', digest: builtDigest }]);
    await expect.poll(async () => (await get(id)).predicted_end).toBeDefined();
    expect(await leave(id, 1, ['changed'])).toBe('ok');
    expect(await get(id)).toMatchObject({ wave: 2, comparison: { changed: 1 } });
    expect((await rows(id, '&state=changed')).map((row: { function: string }) => row.function)).toEqual([
      'dev/f-0',
    ]);
    const page = (await fleet.say('GET', `/v1/campaigns/${id}/functions?limit=3`)).body;
    const rest = (await fleet.say('GET', `/v1/campaigns/${id}/functions?cursor=${page.next_cursor}`)).body;
    expect([page.functions.length, rest.functions.length, rest.next_cursor]).toEqual([3, 1, undefined]);
  });

  it('selects the functions that are behind a base image', async () => {
    await built('dev/old', digestOf('1'));
    await built('dev/new', digestOf('2'));
    await built('dev/again', digestOf('2'));
    const { body } = await rebuild({ select: { behind: true }, dry_run: true });
    expect(body.functions).toEqual([
      {
        function: 'dev/old',
        image: 'ghcr.io/team/dev/old:1',
        reasons: [
          `behind node:22-alpine: built from sha256:${'1'.repeat(12)}, the newest is sha256:${'2'.repeat(12)}`,
        ],
      },
    ]);
    expect(await said({ select: { behind: true, base_image: 'golang' } })).toEqual([
      422,
      'nothing_selected',
      undefined,
    ]);
    const campaign = await started({ select: { behind: true, base_image: 'node:22-alpine' } });
    expect(campaign).toMatchObject({ total: 1, base_images: [node22] });
  });

  it('excludes a second campaign on the same base image', async () => {
    await functions(2);
    const first = await started({ select: { base_image: 'node' } });
    const again = await rebuild({ select: { base_image: 'node:22-alpine', name: 'f-1' }, waves });
    expect([again.status, again.body.code]).toEqual([409, 'campaign_running']);
    expect(again.body.detail).toContain(first.id);
    // A refused campaign changes no function.
    const before = (await fleet.say('GET', '/v1/functions/dev/f-1')).body.last_job;
    expect(before).toBe((await jobsOf(first.id, 2))[0]);
    await built('dev/mine', digestOf('1'), fleet.other);
    expect((await rebuild({ select: { base_image: 'node' }, waves }, fleet.other)).status).toBe(202);
  });

  it('tells whether it will end in time', async () => {
    await functions(2);
    const soon = new Date(Date.now() + 1_000).toISOString();
    const { id } = await started({ finish_by: soon });
    await expect.poll(async () => (await get(id)).late, { timeout: 5_000 }).toBe(true);
    const later = await started({ finish_by: '2999-01-01T00:00:00Z' });
    expect(later).toMatchObject({ late: false, finish_by: '2999-01-01T00:00:00Z' });
  });

  it('is paused, resumed and canceled', async () => {
    await functions(3);
    const { id } = await started();
    expect((await act(id, 'resume')).body).toMatchObject({ status: 409, code: 'campaign_not_resumable' });
    const paused = await act(id, 'pause');
    expect([paused.status, paused.body.state, paused.body.paused_by]).toEqual([202, 'paused', 'request']);
    expect((await act(id, 'resume')).body.state).toBe('running');
    expect((await act(id, 'retry')).body.code).toBe('campaign_not_retryable');
    expect((await act(id, 'cancel')).body).toMatchObject({ state: 'stopping', canceled: true });
    expect((await act(id, 'pause')).body.code).toBe('campaign_not_pausable');
    await expect.poll(async () => (await rows(id, '&state=canceled')).length).toBe(3);
    for (const wave of [1, 2, 3]) await leave(id, wave, ['failed']);
    expect(await get(id)).toMatchObject({ state: 'finished', canceled: true });
    expect((await act(id, 'cancel')).body.code).toBe('campaign_not_cancelable');
  });

  it('pauses when too many jobs of a wave fail', async () => {
    await functions(3);
    const { id } = await started();
    await fleet.fail((await jobsOf(id, 1))[0] ?? '');
    expect(await get(id)).toMatchObject({ state: 'paused', paused_by: 'max_failures' });
    expect(await rows(id, '&state=failed')).toMatchObject([{ function: 'dev/f-0', code: 'build_failed' }]);
  });

  it('is repeated: the functions that failed, as a new campaign', async () => {
    await functions(3);
    const { id } = await started({
      waves: {},
      max_failures: 3,
      callback,
      only_changed: true,
      labels: { why: 'cve' },
    });
    const [first = '', second = '', third = ''] = await jobsOf(id, 1);
    await fleet.fail(first);
    await fleet.succeed(second);
    await fleet.fail(third);
    expect(await leave(id, 1, ['failed', 'changed', 'failed'])).toBe('terminal');
    const { status, body } = await act(id, 'retry');
    expect(status).toBe(202);
    expect(body).toMatchObject({
      ...{ total: 2, retry_of: id, max_failures: 3, only_changed: true, callback: { url: callback.url } },
      labels: { why: 'cve' },
    });
    expect(await rows(body.id)).toMatchObject([
      { function: 'dev/f-0', reasons: ['namespace dev'], digest_before: builtDigest },
      { function: 'dev/f-2' },
    ]);
    const [again = ''] = await jobsOf(body.id, 1);
    const spec = await fleet.redis.hget(redisKeys(fleet.api.prefix).job(again), 'spec');
    expect(spec).toContain(builtDigest);
  });

  it('is submitted once for an idempotency key', async () => {
    await functions(2);
    const send = async () => {
      const answer = await fleet.api.call('/v1/rebuilds', {
        method: 'POST',
        headers: {
          authorization: `Bearer ${fleet.mine}`,
          'content-type': 'application/json',
          'idempotency-key': 'one',
        },
        body: JSON.stringify({ select: { base_image: 'node' }, waves }),
      });
      return [answer.status, ((await answer.json()) as { campaign: Campaign }).campaign.id];
    };
    expect(await send()).toEqual(await send());
    expect((await fleet.say('GET', '/v1/campaigns')).body.campaigns).toHaveLength(1);
  });

  it('does not exist for another tenant, in any request', async () => {
    await functions(1);
    const { id } = await started();
    for (const [method, rest] of [
      ['GET', ''],
      ['GET', '/functions'],
      ['POST', '/pause'],
      ['POST', '/resume'],
      ['POST', '/cancel'],
      ['POST', '/retry'],
    ] as const) {
      const { status, body } = await fleet.say(method, `/v1/campaigns/${id}${rest}`, undefined, fleet.other);
      expect([status, body.code]).toEqual([404, 'not_found']);
    }
    expect((await fleet.say('GET', '/v1/campaigns', undefined, fleet.other)).body).toEqual({ campaigns: [] });
    expect((await get(id)).state).toBe('running');
  });

  it('is listed, newest first, page by page', async () => {
    await functions(1);
    const [one, two] = [await started(), await started()];
    const page = (await fleet.say('GET', '/v1/campaigns?limit=1')).body;
    const rest = (await fleet.say('GET', `/v1/campaigns?limit=1&cursor=${page.next_cursor}`)).body;
    expect([page.campaigns[0].id, rest.campaigns[0].id, rest.next_cursor]).toEqual([
      two.id,
      one.id,
      undefined,
    ]);
  });
});

describe('a request', () => {
  const select = { namespace: 'dev' };
  it.each([
    [{ select, waves: { canary: 0 } }, '/waves/canary'],
    [{ select, waves: { size: '0%' } }, '/waves/size'],
    [{ select, waves: { size: '101%' } }, '/waves/size'],
    [{ select, waves: { size: 'half' } }, '/waves/size'],
    [{ select, waves: { sizes: 2 } }, '/waves/sizes'],
    [{ select, waves, max_failures: -1 }, '/max_failures'],
    [{ select, max_failures: 1 }, '/max_failures'],
    [{ select, finish_by: '2999-01-01T00:00:00Z' }, '/finish_by'],
    [{ select, only_changed: true }, '/only_changed'],
    [{ select, waves, only_changed: true }, '/only_changed'],
    [{ select, waves, finish_by: '2001-01-01T00:00:00Z' }, '/finish_by'],
    [{ select, waves, finish_by: 'tomorrow' }, '/finish_by'],
    [{ select, waves, on_failure: 'stop' }, '/on_failure'],
    [{ select: { behind: false } }, '/select/behind'],
  ])('is refused: %j', async (body, path) => {
    await functions(1);
    expect(await said(body)).toEqual([422, 'request_invalid', path]);
    expect((await fleet.say('GET', '/v1/campaigns')).body).toEqual({ campaigns: [] });
  });

  it('is refused when it makes too many waves', async () => {
    const source = { digest: await fleet.upload() };
    for (let at = 0; at < 51; at++) {
      await fleet.say('PUT', `/v1/functions/dev/f-${at}`, { image: `r.example/f-${at}:1`, source });
    }
    expect(await said({ select, waves: { size: 1 } })).toEqual([422, 'request_invalid', '/waves/size']);
    expect(await said({ select, waves: { size: 1 }, dry_run: true })).toEqual([
      422,
      'request_invalid',
      '/waves/size',
    ]);
  });

  it.each(['?limit=0', '?limit=51', '?cursor=x', '?state=running'])(
    'for a list is checked: %s',
    async (query) => {
      expect((await fleet.say('GET', `/v1/campaigns${query}`)).body.code).toBe('request_invalid');
    },
  );

  it.each(['?state=good', '?cursor=-1', '?limit=x'])('for functions is checked: %s', async (query) => {
    await functions(1);
    const { id } = await started();
    expect((await fleet.say('GET', `/v1/campaigns/${id}/functions${query}`)).body.code).toBe(
      'request_invalid',
    );
  });

  it('with an unknown id is answered with 404', async () => {
    const id = `campaign_${'0'.repeat(26)}`;
    expect((await act(id, 'pause')).body.code).toBe('not_found');
    expect((await act('campaign_x', 'pause')).status).toBeGreaterThanOrEqual(404);
  });
});
