import { describe, test } from 'vitest';
import { expectNoFault, patientScenarios } from './small.js';

describe('no job is lost, reported twice or reported in two states, and no replica exceeds its limit', () => {
  test.each(patientScenarios)('$name: $about', { timeout: 900_000 }, expectNoFault);
});
