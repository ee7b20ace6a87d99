import { expect } from 'vitest';
import { archive } from '../archive.js';
import { checkAnswer, type operations } from '../conformance.js';
import type { FleetOfOne } from '../fleet-of-one.js';
import { type Ids, namespace } from './records.js';
import type { Row } from './rows.js';

type Operation = (typeof operations)[number];

/** Returns a function that requests an operation of a fleet with an `Authorization` header, or with none. */
export function asksOf(fleet: () => FleetOfOne) {
  let asked = 0;
  return async ({ method, path }: Operation, row: Row, of: Ids, authorization?: string) => {
    const target = path
      .replace('{namespace}', namespace)
      .replaceAll(/\{(\w+)\}/g, (_, name) => of[row.ids?.[name] ?? expect.fail(`no id for ${name}`)]);
    const files = Object.entries(row.files ?? {}).map(([file, text]) => ({ path: file, text }));
    const url = fleet().api.url + target;
    const response = await fetch(url, {
      method: method.toUpperCase(),
      headers: {
        'X-Forwarded-For': `10.0.${asked >> 8}.${asked++ & 255}`,
        ...(authorization !== undefined && { authorization }),
        ...(row.files && { 'content-type': 'application/x-tar' }),
        ...(row.body && { 'content-type': 'application/json' }),
      },
      ...(row.files && { body: archive(files) }),
      ...(row.body && { body: JSON.stringify(row.body(of)) }),
    });
    await checkAnswer(method, url, response);
    const { status, headers } = response;
    if (!row.endless || !response.ok) return { status, headers, text: await response.text() };
    await response.body?.cancel();
    return { status, headers, text: '' };
  };
}
