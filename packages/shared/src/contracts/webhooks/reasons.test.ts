import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { deliveryReasons } from './reasons.js';

/** Returns the reasons in the first column of the table of docs/webhooks.md. */
function documentedReasons(): string[] {
  const text = readFileSync(new URL('../../../../../docs/webhooks.md', import.meta.url), 'utf8');
  const [, table = ''] = /^\| reason \| \|\n\|---\|---\|\n((?:\|.*\n)+)/m.exec(text) ?? [];
  const cells = table.split('\n').map((row) => row.split('|')[1] ?? '');
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)[^`]*`/g)].map(([, reason = '']) => reason));
}

it('docs/webhooks.md lists the reasons of deliveries, and an example of a refusal by an API', () => {
  expect(documentedReasons().sort()).toEqual([...Object.keys(deliveryReasons), 'refused_404'].sort());
});
