import type { z } from 'zod';
import { type Endpoint, takesIdempotencyKey } from '../http/operation.js';
import type { Json, ToSchema } from './components.js';
import { exampleOfParameter } from './example.js';

/** A parameter of an operation, with its name among the shared parameters. */
interface Parameter extends Json {
  readonly name: string;
}

/** Returns the parameters of an operation. */
export function parametersOf({ path, ...operation }: Endpoint['operation'], schema: ToSchema): Parameter[] {
  const { params, query } = operation;
  const headers = {
    ...(takesIdempotencyKey(operation) && { 'Idempotency-Key': idempotencyKeyText }),
    ...operation.headers,
  };
  const from = (type: z.ZodType | undefined, where: 'path' | 'query') => {
    const { properties = {}, required = [] } = type
      ? (schema(type, 'input') as { properties?: Record<string, Json>; required?: string[] })
      : {};
    return Object.entries(properties).map(([name, { description, ...shape }]) => {
      const example = where === 'path' ? exampleOfParameter(path, name) : undefined;
      return {
        name,
        in: where,
        required: where === 'path' || required.includes(name),
        ...(description !== undefined && { description }),
        ...(example !== undefined && { example }),
        schema: shape,
      };
    });
  };
  const fromHeaders = Object.entries(headers).map(([name, description]) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  }));
  return [...from(params, 'path'), ...from(query, 'query'), ...fromHeaders];
}

const idempotencyKeyText =
  '1 to 255 visible ASCII characters. The request runs once per key in 24 hours: a repeat gets the stored answer, with `Idempotency-Replayed: true`';

type Paths = Record<string, Record<string, Json & { readonly parameters: readonly Json[] }>>;

/** Returns the paths with references in place of parameters that several operations share, and the shared parameters by name. */
export function shareParameters(paths: Paths): { paths: Paths; parameters: Record<string, Json> } {
  const uses = new Map<string, number>();
  for (const operation of Object.values(paths).flatMap((item) => Object.values(item))) {
    for (const each of operation.parameters) {
      const text = JSON.stringify(each);
      uses.set(text, (uses.get(text) ?? 0) + 1);
    }
  }
  const names = new Map<string, string>();
  const parameters: Record<string, Json> = {};
  const share = (path: string, parameter: Json) => {
    const text = JSON.stringify(parameter);
    if (uses.get(text) === 1) return parameter;
    if (!names.has(text)) {
      const name = freeName(path, parameter as Parameter, parameters);
      names.set(text, name);
      parameters[name] = parameter;
    }
    return { $ref: `#/components/parameters/${names.get(text)}` };
  };
  const shared = Object.entries(paths).map(([path, item]) => [
    path,
    Object.fromEntries(
      Object.entries(item).map(([method, operation]) => [
        method,
        { ...operation, parameters: operation.parameters.map((each) => share(path, each)) },
      ]),
    ),
  ]);
  return { paths: Object.fromEntries(shared), parameters };
}

/** Returns `Limit`, or `JobsCursor` if other paths have a different cursor. */
function freeName(path: string, { name }: Parameter, taken: Readonly<Record<string, unknown>>): string {
  const short = pascal(name);
  if (!(short in taken) && !alwaysOfPath.has(name)) return short;
  const [, , resource = ''] = path.split('/');
  const long = `${pascal(resource)}${short}`;
  if (long in taken) throw new Error(`two parameters would be ${long}: give one of them another name`);
  return long;
}

const alwaysOfPath: ReadonlySet<string> = new Set(['id', 'name', 'cursor']);
/** Returns `JobId` for `job-id` and `job_id`. */
export const pascal = (text: string) =>
  text
    .split(/[-_]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
