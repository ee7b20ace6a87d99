import { expect, it } from 'vitest';
import { fuzzApi } from './run.js';

it('the API answers valid and invalid requests as its OpenAPI document specifies', async () => {
  const { ok, text, cases } = await fuzzApi({ examples: 3, seed: '1', stateful: false });
  expect(ok, text).toBe(true);
  // The run has sent requests to each operation.
  expect(cases).toBeGreaterThan(1_000);
}, 300_000);
