import assert from 'node:assert/strict';
import { z } from 'zod';
import { apiEndpoints, type EndpointDeps } from '../endpoints.js';
import type { Endpoint } from '../http/operation.js';
import { errorsOf } from '../openapi/problems.js';

type Operation = Endpoint['operation'];

/** The operations of all endpoints, from which the OpenAPI document is made. */
export const operations: readonly Operation[] = apiEndpoints({} as EndpointDeps).map(
  ({ operation }) => operation,
);

const routes = operations.map((operation) => ({
  operation,
  path: new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
}));
const problem = z.object({ code: z.string(), status: z.int() });
const builderError = z.strictObject({
  status: z.literal('failed'),
  error: z.string(),
  code: z.string(),
  log: z.array(z.string()),
});

/** Throws unless the OpenAPI document has the answer: its status, its media type, its code, each of its fields. */
export async function checkAnswer(method: string, url: string, response: Response): Promise<void> {
  const { pathname } = new URL(url);
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  const found = routes.find(({ operation, path }) => operation.method === verb && path.test(pathname));
  // Unknown paths, and methods that a path does not have.
  if (!found) return;
  const { operation } = found;
  const { status } = response;
  const where = `${operation.id} ${status}`;
  const type = response.headers.get('content-type')?.split(';')[0] ?? '';
  if (type === 'application/problem+json' && method !== 'HEAD') {
    const { code, ...body } = problem.parse(await response.clone().json());
    assert.equal(body.status, status, where);
    const known: readonly string[] = errorsOf(operation);
    assert.ok(known.includes(code), `${where}: ${code} is not among the errors of the operation`);
    return;
  }
  if (type === 'application/problem+json' || status === 304) return;
  if (operation.errorSchema !== undefined && operation.answers[status] === undefined) {
    assert.equal(type, 'application/json', where);
    const { code } = builderError.parse(await response.clone().json());
    const known: readonly string[] = errorsOf(operation);
    assert.ok(known.includes(code), `${where}: ${code} is not among the errors of the operation`);
    return;
  }
  const answer = operation.answers[status] ?? assert.fail(`${where}: not among its answers`);
  const content = { ...answer.content, ...answer.inWords };
  if (Object.keys(content).length === 0) {
    assert.equal(type, '', where);
    return;
  }
  const shape = content[type] ?? assert.fail(`${where}: ${type} is not among its media types`);
  if (type !== 'application/json' || method === 'HEAD' || typeof shape === 'string') return;
  const body: unknown = await response.clone().json();
  assert.deepEqual(body, shape.parse(body), `${where}: the body does not match its schema`);
}
