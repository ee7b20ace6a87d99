import { describe, expect, it } from 'vitest';
import { toProblem } from './problem.js';
import { SlipwayError } from './slipway-error.js';

describe('a problem', () => {
  it('has code, status, detail and remedy of an error of the table', () => {
    const error = new SlipwayError('source_path_unsafe', 'The path ../x leaves the archive.');
    expect(toProblem(error)).toMatchObject({
      type: 'urn:slipway:error:source_path_unsafe',
      status: 422,
      code: 'source_path_unsafe',
      detail: 'The path ../x leaves the archive.',
      remedy: expect.any(String),
    });
  });

  it.each([
    [Object.assign(new Error('write'), { code: 'ENOSPC' }), 'storage_full', 507],
    [Object.assign(new Error('x'), { name: 'MaxRetriesPerRequestError' }), 'redis_unavailable', 503],
    [Object.assign(new Error('OOM command not allowed'), { name: 'ReplyError' }), 'redis_full', 507],
    [new Error('Connection is closed.'), 'redis_unavailable', 503],
    [new Error('Command timed out'), 'redis_unavailable', 503],
  ])('recognises %s', (error, code, status) => {
    expect(toProblem(error)).toMatchObject({ code, status });
  });

  it.each([new Error('password=hunter2'), 'hunter2', undefined, { hunter2: true }])(
    'shows nothing of %s',
    (error) => {
      const problem = toProblem(error);
      expect(problem).toMatchObject({ code: 'internal', status: 500 });
      expect(JSON.stringify(problem)).not.toContain('hunter2');
    },
  );
});
