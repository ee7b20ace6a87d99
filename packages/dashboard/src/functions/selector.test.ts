import { expect, it } from 'vitest';
import { selectorOf } from './selector.js';

it.each([
  [{}, undefined],
  [{ name: '' }, undefined],
  [{ label: ' , ' }, undefined],
  [
    { namespace: 'dev', name: 'api-*' },
    { namespace: 'dev', name: 'api-*' },
  ],
  [{ label: 'team=core, sha=a=b flag' }, { labels: { team: 'core', sha: 'a=b', flag: '' } }],
  [{ functions: 'dev/a\ndev/b' }, { functions: ['dev/a', 'dev/b'] }],
  [
    { template: 'node20', base_image: 'node:22' },
    { template: 'node20', base_image: 'node:22' },
  ],
])('%j selects %j', (text, selector) => {
  expect(selectorOf(text)).toEqual(selector);
});
