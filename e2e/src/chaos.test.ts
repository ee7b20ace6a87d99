import { describe, test } from 'vitest';
import { aloneScenarios, expectNoFault } from './chaos/small.js';

describe('no job is lost, reported twice or reported in two states, and no replica exceeds its limit', () => {
  test.each(aloneScenarios)('$name: $about', { timeout: 900_000 }, expectNoFault);
});
