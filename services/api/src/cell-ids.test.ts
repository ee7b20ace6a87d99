import { Secret } from '@slipway/shared/config';
import { scopes } from '@slipway/shared/contracts';
import { makeIdsBy } from '@slipway/shared/ids';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { addTenants } from './testing/add-tenants.js';
import { asksOf } from './testing/authorisation/ask.js';
import { makeRecords } from './testing/authorisation/records.js';
import { expectedOf, type Row, rows } from './testing/authorisation/rows.js';
import { operations } from './testing/conformance.js';
import { type FleetOfOne, startFleetOfOne } from './testing/fleet-of-one.js';

const admin = 'token';
const token = 'alpha-all';
let fleet: FleetOfOne;
beforeAll(async () => {
  const redisUrl = inject('redisUrl');
  fleet = await startFleetOfOne(redisUrl, { trustedProxies: ['loopback'], maxSourceFiles: 1_000 });
  const config = { redisUrl, redisPrefix: fleet.api.prefix, payloadSecret: new Secret('payload') };
  await addTenants(config, [{ name: 'alpha', token, scopes: scopes.filter((scope) => scope !== 'admin') }]);
});
afterAll(async () => {
  makeIdsBy({ now: Date.now });
  await fleet.stop();
});

const ask = asksOf(() => fleet);
/** Creates records whose ids name a cell, or none. */
const recordsOf = async (cell: string | undefined) => {
  makeIdsBy({ now: Date.now }, cell);
  return await makeRecords({ fleet, tenant: 'alpha', token, admin });
};

describe('records whose ids name a cell', () => {
  it.each(
    operations.filter(({ id }) => rows[id]?.ids).map((operation) => [operation.id, operation] as const),
  )('are found by %s', async (id, operation) => {
    const row = rows[id] as Row;
    const records = await recordsOf('eu1');
    for (const made of Object.values(records).filter((each) => /^(?:job|batch|wh|tok|pay)_/.test(each)))
      expect(made).toMatch(/^[a-z]+_[0-9a-z]{26}_eu1$/);
    const isAdmins = operation.scope === 'admin';
    const { status } = await ask(operation, row, records, `Bearer ${isAdmins ? admin : token}`);
    const expected = expectedOf(row);
    expect(status).toBe((isAdmins ? expected.admin : expected.right)[0]);
  });

  it.each([
    ['jobs', 'newest'],
    ['batches', 'newest'],
    ['webhooks', 'oldest'],
    ['tokens', 'oldest'],
  ])('are listed with others by page: %s, %s first', async (list, first) => {
    for (const cell of ['eu1', undefined, 'a', 'z9']) await recordsOf(cell);
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const path = `/v1/${list}?limit=3${cursor === undefined ? '' : `&cursor=${cursor}`}`;
      const { body } = await fleet.say('GET', path, undefined, token);
      found.push(...body[list].map(({ id }: { id: string }) => id));
      cursor = body.next_cursor;
    } while (cursor !== undefined);
    expect(found.map((id) => id.split('_')[2])).toEqual(
      expect.arrayContaining(['eu1', undefined, 'a', 'z9']),
    );
    // Ids of tokens that a test made up do not tell their time.
    const made = found.filter((id) => /_01[0-9a-z]{24}/.test(id));
    expect(made).toEqual(first === 'newest' ? made.toSorted().reverse() : made.toSorted());
    expect(new Set(found).size).toBe(found.length);
  });
});
