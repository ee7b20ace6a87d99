import { describe, test } from 'vitest';
import { expectNoFault, receiverScenarios } from './small.js';

describe('no event is lost while receivers fail', () => {
  test.each(receiverScenarios)('$name: $about', { timeout: 900_000 }, expectNoFault);
});
