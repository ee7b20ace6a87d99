import type { Job } from '@slipway/shared/contracts';
import type { Locator } from 'playwright-core';
import { expect } from 'vitest';
import { dockerfile, makeContext, tarOf } from '../context.js';
import type { Stack } from '../stack.js';

interface Submission {
  readonly stack: Stack;
  readonly name: string;
  /** Lines of the Dockerfile below `FROM`. */
  readonly lines: readonly string[];
  /** Further fields of the job. */
  readonly spec?: object;
}

/** Submits a job of the function `name`. */
export async function submit({ stack, name, lines, spec }: Submission): Promise<Job> {
  const source = await stack.call('/v1/sources', {
    method: 'POST',
    body: tarOf(makeContext({ Dockerfile: dockerfile(...lines) })),
  });
  const { digest } = (await source.json()) as { digest: string };
  const answer = await stack.call('/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      function: name,
      image: `${stack.registry}/team/${name}:1`,
      source: { digest },
      ...spec,
    }),
  });
  expect(answer.status).toBe(202);
  return (await answer.json()) as Job;
}

/** Submits a job and waits for its end. */
export async function build(submission: Submission): Promise<Job> {
  const { id } = await submit(submission);
  const answer = await submission.stack.call(`/v1/jobs/${id}?wait=60`);
  return (await answer.json()) as Job;
}

/** Resolves to true when the element scrolls sideways. */
export const isTooWide = (box: Locator): Promise<boolean> =>
  box.evaluate(
    (element: Record<'scrollWidth' | 'clientWidth', number>) => element.scrollWidth > element.clientWidth,
  );
