import { expect, it } from 'vitest';
import { formatOf } from './webhook-formats.js';

it.each([
  ['standard', { token: 'ci' }, { type: 'standard' }],
  ['jenkins', { token: ' ci ' }, { type: 'jenkins', token: 'ci' }],
  ['jenkins', { token: ' ' }, { type: 'jenkins' }],
  [
    'gitlab_pipeline',
    { token: 'a', project: 'b/c', ref: 'main', name: 'x' },
    { type: 'gitlab_pipeline', token: 'a', project: 'b/c', ref: 'main' },
  ],
] as const)('%s of %j sends its own fields', (type, values, format) => {
  expect(formatOf(type, values)).toEqual(format);
});
