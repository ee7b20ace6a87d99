import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  batchIdSchema,
  campaignIdSchema,
  deliveryIdSchema,
  endpointIdSchema,
  jobIdSchema,
  tokenIdSchema,
} from '../contracts/index.js';
import { makeIdsBy, newId, timeOfId } from './index.js';

afterEach(() => makeIdsBy({ now: Date.now }));

const schemas = {
  job: jobIdSchema,
  batch: batchIdSchema,
  campaign: campaignIdSchema,
  wh: endpointIdSchema,
  tok: tokenIdSchema,
} as const;
const kinds = Object.keys(schemas) as (keyof typeof schemas)[];
const aCell = fc.stringMatching(/^[a-z][0-9a-z]{0,15}$/);

describe('an id', () => {
  it('names no cell unless the process belongs to one', () => {
    for (const kind of kinds) expect(newId(kind)).toMatch(new RegExp(`^${kind}_[0-9a-hjkmnp-tv-z]{26}$`));
  });

  it('is valid with and without a cell, and holds its time', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.option(aCell),
        fc.integer({ min: 0, max: 2 ** 48 - 1 }),
        (kind, cell, at) => {
          // Ids of one process never go back in time.
          const id = newId(kind).replace(/_.{10}/, `_${timeText(at)}`) + (cell === null ? '' : `_${cell}`);
          expect(schemas[kind].safeParse(id).success).toBe(true);
          expect(timeOfId(id)).toBe(at);
        },
      ),
    );
  });

  it('sorts by time, whatever cells the ids name', () => {
    let now = Date.now();
    const cells = ['z', undefined, 'a', 'eu1', undefined, 'b9'];
    const made = Array.from({ length: 60 }, (_, at) => {
      now += at % 3;
      makeIdsBy({ now: () => now }, cells[at % cells.length]);
      return newId('job');
    });
    expect(made.toSorted()).toEqual(made);
  });

  it.each(['_', '_EU', '_1a', '_a-b', '_a_b', `_${'a'.repeat(17)}`, ' '])(
    'is refused with the end %j',
    (end) => {
      expect(jobIdSchema.safeParse(newId('job') + end).success).toBe(false);
      expect(deliveryIdSchema.safeParse(`dlv_${'0'.repeat(32)}${end}`).success).toBe(false);
    },
  );
});

/** Returns the first ten characters of a ULID of a time. */
function timeText(ms: number): string {
  const digits = '0123456789abcdefghjkmnpqrstvwxyz';
  return Array.from({ length: 10 }, (_, at) => digits[Math.floor(ms / 32 ** (9 - at)) % 32]).join('');
}
