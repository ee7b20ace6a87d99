import { expect, it } from 'vitest';
import { fuzzApi } from './run.js';

it('the API answers as its OpenAPI document says, to requests that fit it and to requests that do not', async () => {
  const { ok, text, cases } = await fuzzApi({ examples: 3, seed: '1', stateful: false });
  expect(ok, text).toBe(true);
  // It has sent something to each of the operations.
  expect(cases).toBeGreaterThan(1_000);
}, 300_000);
