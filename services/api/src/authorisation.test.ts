import { Secret } from '@slipway/shared/config';
import { type Scope, scopes } from '@slipway/shared/contracts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { allows } from './http/auth.js';
import { addTenants } from './testing/add-tenants.js';
import { asksOf } from './testing/authorisation/ask.js';
import { absent, type Ids, makeRecords, namespace } from './testing/authorisation/records.js';
import { expectedOf, openPaths, type Row, rows } from './testing/authorisation/rows.js';
import { operations } from './testing/conformance.js';
import { type FleetOfOne, startFleetOfOne } from './testing/fleet-of-one.js';

const admin = 'token';
/** The token of the tenant that owns the records, with every scope. */
const alpha = 'alpha-all';
/** The token of another tenant, with every scope. */
const beta = 'beta-all';
const allOfATenant = scopes.filter((scope) => scope !== 'admin');
const allBut = (needed: Scope) => allOfATenant.filter((scope) => !allows([scope], needed));
const tokens = (tenant: string) => [
  { name: tenant, token: `${tenant}-all`, scopes: allOfATenant },
  ...allOfATenant.flatMap((scope) => [
    { name: tenant, token: `${tenant}-${scope}`, scopes: [scope] },
    { name: tenant, token: `${tenant}-all-but-${scope}`, scopes: allBut(scope) },
  ]),
];

let fleet: FleetOfOne;
/** Ids of records of alpha; no test changes these. */
let ids: Ids;
let revoked: string;
beforeAll(async () => {
  const redisUrl = inject('redisUrl');
  // Wrong tokens are limited by address, so each request claims another address.
  fleet = await startFleetOfOne(redisUrl, { trustedProxies: ['loopback'], maxSourceFiles: 1_000 });
  const expired = { name: 'alpha', token: 'alpha-expired', scopes: allOfATenant, expiresAt: 1 };
  const gone = { name: 'gone', token: 'gone-all', scopes: allOfATenant };
  await addTenants({ redisUrl, redisPrefix: fleet.api.prefix, payloadSecret: new Secret('payload') }, [
    ...tokens('alpha'),
    ...tokens('beta'),
    expired,
    gone,
  ]);
  expect((await fleet.say('DELETE', '/v1/tenants/gone', undefined, admin)).status).toBe(204);
  const request = { tenant: 'alpha', description: 'CI', scopes: allOfATenant };
  const { body } = await fleet.say('POST', '/v1/tokens', request, admin);
  revoked = body.token;
  expect((await fleet.say('DELETE', `/v1/tokens/${body.id}`, undefined, admin)).status).toBe(204);
  ids = await newRecords();
});
afterAll(() => fleet.stop());

/** Creates records. Some of them need jobs to start, so a hold of the matrix ends. */
const newRecords = async () => {
  await fleet.say('POST', '/v1/queue/release', { jobs: 'run' }, admin);
  return await makeRecords({ fleet, tenant: 'alpha', token: alpha, admin });
};

const ask = asksOf(() => fleet);
const bearer = (token: string) => `Bearer ${token}`;
/** Returns the code of a problem, or of an error of `POST /build`. */
const codeOf = (text: string) =>
  /^{"(type":"urn:|status":"failed)/.test(text) ? JSON.parse(text).code : undefined;
const outcome = ({ status, text }: { status: number; text: string }) =>
  codeOf(text) === undefined ? [status] : [status, codeOf(text)];

/** Returns everything that alpha sees of its records. */
async function seen(): Promise<unknown> {
  const lists = ['jobs', 'batches', 'functions', 'templates', 'webhooks', 'deliveries', 'tokens'];
  const pages = lists.map(
    async (list) => (await fleet.say('GET', `/v1/${list}?limit=200`, undefined, alpha)).body,
  );
  return JSON.parse(
    JSON.stringify(await Promise.all(pages), (key, value) => (key === 'last_used_at' ? undefined : value)),
  );
}

/** Returns the parts of an answer that may differ only by the requested ids. */
function withoutIds({ status, headers, text }: Awaited<ReturnType<typeof ask>>, of: Ids) {
  const cut = (from: string) =>
    Object.values(of)
      .toSorted((a, b) => b.length - a.length)
      .reduce((left, id) => left.replaceAll(id, 'X'), from)
      .replace(/"request_id":"[^"]*"/, '');
  const kept = [...headers].filter(([name]) => !['date', 'x-request-id', 'etag'].includes(name));
  return { status, headers: kept, etag: headers.has('etag'), text: cut(text) };
}

describe('the matrix', () => {
  it('has a row for every operation, and no other rows', () => {
    expect(Object.keys(rows).sort()).toEqual(operations.map(({ id }) => id).sort());
  });

  const withToken = operations.filter(({ scope }) => scope !== 'none');
  it.each(withToken.map((operation) => [operation.id, operation] as const))(
    '%s is refused without a valid token',
    async (id, operation) => {
      const row = rows[id] as Row;
      const wrong = [
        undefined,
        ...['', 'Bearer', 'Bearer ', alpha, `Basic ${btoa(`${alpha}:`)}`, `Bearer ${alpha} ${alpha}`],
        ...['nothing', `${alpha}x`, 'alpha-expired', revoked, 'gone-all'].map(bearer),
      ];
      const answers = await Promise.all(
        wrong.map((authorization) => ask(operation, row, ids, authorization)),
      );
      expect(answers.map(outcome)).toEqual(wrong.map(() => [401, 'unauthorized']));
    },
  );

  it.each(withToken.map((operation) => [operation.id, operation] as const))(
    '%s is refused with every scope but the right one',
    async (id, operation) => {
      const needed = operation.scope as Scope;
      const token = needed === 'admin' ? alpha : `alpha-all-but-${needed}`;
      expect(outcome(await ask(operation, rows[id] as Row, ids, bearer(token)))).toEqual([403, 'forbidden']);
    },
  );

  it.each(operations.map((operation) => [operation.id, operation] as const))(
    '%s gives each tenant its own access',
    async (id, operation) => {
      const row = rows[id] as Row;
      const expected = expectedOf(row);
      const { scope } = operation;
      const suffix = scope === 'none' || scope === 'admin' ? 'all' : scope;
      const records = row.ids || row.body ? await newRecords() : ids;
      const before = await seen();
      const others = await ask(operation, row, records, bearer(`beta-${suffix}`));
      expect(outcome(others)).toEqual(expected.other);
      if (others.status === 404) {
        // The answer does not reveal that the record exists for another tenant.
        const none = absent(records);
        const nothing = await ask(operation, row, none, bearer(`beta-${suffix}`));
        expect(withoutIds(others, records)).toEqual(withoutIds(nothing, none));
      }
      if (others.status < 300 && operation.tag !== 'Fleet') {
        expect(Object.entries(ids).filter(([, each]) => others.text.includes(each))).toEqual([]);
      }
      expect(await seen()).toEqual(before);
      // With new ids, since the row for the installation may consume them.
      expect(outcome(await ask(operation, row, records, bearer(admin)))).toEqual(expected.admin);
      if (expected.admin[0] >= 400) expect(await seen()).toEqual(before);
      const own = expected.admin[0] < 300 && row.ids ? await newRecords() : records;
      expect(outcome(await ask(operation, row, own, bearer(`alpha-${suffix}`)))).toEqual(expected.right);
    },
  );

  it.each(openPaths)('%s is public', async (path) => {
    for (const authorization of [undefined, bearer('nothing'), bearer(alpha), bearer(admin)]) {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await fetch(fleet.api.url + path, { headers });
      const text = await answer.text();
      expect([answer.status, Object.entries(ids).filter(([, id]) => text.includes(id))]).toEqual([200, []]);
    }
  });

  it('does not reveal paths to clients without a token', async () => {
    for (const [method, path] of [
      ['GET', '/v1/nothing'],
      ['DELETE', '/v1/jobs'],
      ['POST', '/v1'],
      ['GET', '/v1/jobs/%ff'],
    ] as const) {
      const answer = await fetch(fleet.api.url + path, { method });
      expect([path, answer.status]).toEqual([path, 401]);
      await answer.body?.cancel();
    }
  });
});

describe('a filter of a list', () => {
  const list = async (path: string, token: string): Promise<unknown[]> => {
    const { status, body } = await fleet.say('GET', path, undefined, token);
    expect([path, status]).toEqual([path, 200]);
    return Object.values(body).find(Array.isArray) as unknown[];
  };

  it.each([
    ['jobs', () => `/v1/jobs?function=${namespace}/${ids.function}`],
    ['jobs', () => '/v1/jobs?label=owner=alpha'],
    ['jobs', () => '/v1/jobs?state=queued'],
    ['jobs', () => `/v1/jobs?batch=${ids.batch}`],
    ['functions', () => `/v1/functions?namespace=${namespace}`],
    ['functions', () => `/v1/functions?name=${ids.function}`],
    ['functions', () => '/v1/functions?label=owner=alpha'],
    ['deliveries', () => `/v1/deliveries?job=${ids.job}`],
    ['deliveries', () => '/v1/deliveries?state=pending'],
  ])("finds %s of the caller's tenant alone", async (_, path) => {
    expect(await list(path(), alpha)).not.toEqual([]);
    expect(await list(path(), beta)).toEqual([]);
    expect(await list(path(), admin)).toEqual([]);
  });

  it("finds jobs by image in the caller's tenant alone", async () => {
    const { image } = (await fleet.say('GET', `/v1/jobs/${ids.job}`, undefined, alpha)).body;
    const path = `/v1/jobs?image=${encodeURIComponent(image)}`;
    expect(await list(path, alpha)).toHaveLength(1);
    expect(await list(path, beta)).toEqual([]);
  });

  it.each(['jobs', 'batches', 'functions', 'templates', 'webhooks', 'deliveries', 'tokens'])(
    "pages through %s of the caller's tenant alone, with a cursor of another tenant",
    async (name) => {
      await newRecords();
      const first = await fleet.say('GET', `/v1/${name}?limit=1`, undefined, alpha);
      const path = `/v1/${name}?cursor=${encodeURIComponent(first.body.next_cursor)}`;
      expect(await list(path, alpha)).not.toEqual([]);
      // Beta has its tokens and the records of the matrix, and none of alpha's.
      const text = JSON.stringify(await list(path, beta));
      const alphas = JSON.stringify(await list(`/v1/${name}?limit=200`, alpha));
      const found = alphas.match(/"(?:id|image)":"[^"]+"/g) ?? [];
      expect(found.filter((each) => text.includes(each))).toEqual([]);
    },
  );

  it('does not accept tokens for another tenant, whether that tenant exists or not', async () => {
    for (const tenant of ['alpha', 'missing']) {
      expect((await fleet.say('GET', `/v1/tokens?tenant=${tenant}`, undefined, beta)).status).toBe(403);
      const request = { tenant, description: 'CI', scopes: ['jobs:read'] };
      expect((await fleet.say('POST', '/v1/tokens', request, beta)).status).toBe(403);
    }
  });
});

describe('a record of another tenant', () => {
  it('answers 404 to requests with its ETag, and to requests that wait for it', async () => {
    const path = `/v1/jobs/${ids.job}`;
    const etag = (await fleet.say('GET', path, undefined, alpha)).headers.get('etag') ?? '';
    const ask = (token: string, target = path) =>
      fleet.api.call(target, {
        headers: { authorization: bearer(token), 'If-None-Match': etag, 'Cache-Control': 'max-age=0' },
      });
    expect((await ask(alpha)).status).toBe(304);
    expect((await ask(beta)).status).toBe(404);
    expect((await ask(beta, `${path}?wait=60`)).status).toBe(404);
    expect((await ask(beta, `${path}/logs?follow=1`)).status).toBe(404);
    expect((await ask(beta, `/v1/batches/${ids.batch}?wait=60`)).status).toBe(404);
  });

  it('cannot be built from', async () => {
    const source = { digest: await fleet.upload(undefined, beta) };
    const job = { image: 'r.example/beta:1', source, template: ids.template };
    const { status, body } = await fleet.say('POST', '/v1/jobs', job, beta);
    expect([status, body.code]).toEqual([422, 'template_not_found']);
  });

  it('is not replayed for the same Idempotency-Key', async () => {
    const post = async (token: string) => {
      const source = { digest: await fleet.upload(undefined, token) };
      const answer = await fleet.api.call('/v1/jobs', {
        method: 'POST',
        headers: {
          authorization: bearer(token),
          'Idempotency-Key': 'the-same',
          'content-type': 'application/json',
        },
        body: JSON.stringify({ image: 'r.example/same:1', source }),
      });
      const { id } = (await answer.json()) as { id: string };
      return [answer.status, answer.headers.get('idempotency-replayed'), id];
    };
    const [first, second, again] = [await post(alpha), await post(beta), await post(beta)];
    expect([first[0], second[0]]).toEqual([202, 202]);
    expect(second[2]).not.toBe(first[2]);
    expect(again).toEqual([202, 'true', second[2]]);
  });
});
