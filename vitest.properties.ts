import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

/** CI tries the same examples each time, so that what fails there was changed; elsewhere they are others each time. */
const seed = Number(process.env.PROPERTY_SEED ?? (process.env.CI ? 1 : Number.NaN));

const { testPath = '' } = expect.getState();
// To load it takes longer than most files of tests need.
if (!Number.isNaN(seed) && readFileSync(testPath, 'utf8').includes("from 'fast-check'")) {
  const { default: fc } = await import('fast-check');
  fc.configureGlobal({ seed });
}
