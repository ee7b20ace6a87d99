import { describe, expect, it } from 'vitest';
import { classifyFailure } from './classify.js';

describe('the cause of a failed build', () => {
  it('is the user unless a line says otherwise', () => {
    expect(classifyFailure([])).toBe('build_failed');
    expect(
      classifyFailure(['RUN npm test', 'process "/bin/sh -c exit 1" did not complete: exit code: 1']),
    ).toBe('build_failed');
  });
});
