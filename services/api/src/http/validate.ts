import { brokenText, type FieldError, mayShow, SlipwayError, shownValue } from '@slipway/shared/errors';
import type { z } from 'zod';

/** Returns the value parsed by a schema. Throws `request_invalid`, or a code that the schema names, with the errors of the fields. */
export function validate<S extends z.ZodType>(
  schema: S,
  value: unknown,
  where: 'body' | 'job' | 'query' | 'path',
): z.output<S> {
  const broken = brokenText(value);
  if (broken) {
    const detail = `${where}${broken.path}: ${broken.message}`;
    throw new SlipwayError('request_invalid', detail, { errors: [broken] });
  }
  const path = prototypeIn(value);
  if (path !== undefined) {
    const message = 'is not a known field';
    throw new SlipwayError('request_invalid', `${where}${path}: ${message}`, { errors: [{ path, message }] });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { issues } = result.error;
  const errors = fieldErrors(result.error, value);
  const code = issues.map(codeOfIssue).find((found) => found !== undefined) ?? 'request_invalid';
  const [first] = errors;
  const detail = first ? `${where}${first.path}: ${first.message}` : `The ${where} is not valid.`;
  throw new SlipwayError(code, detail, { errors });
}

/**
 * Returns the path of a `__proto__` key, which schemas skip. Without this check the server would accept bodies that the OpenAPI
 * document forbids.
 */
function prototypeIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return `/${key}`;
    const below = prototypeIn((value as Readonly<Record<string, unknown>>)[key]);
    if (below !== undefined) return `/${key}${below}`;
  }
  return undefined;
}

const codeOfIssue = (issue: z.core.$ZodIssue): 'image_invalid' | undefined =>
  issue.code === 'custom' && issue.params?.code === 'image_invalid' ? 'image_invalid' : undefined;

/** Limit of reported errors. A body may have hundreds of thousands of unknown fields. */
const maxErrors = 100;
const maxShownKey = 128;

/** Returns the errors of a value's fields, up to a limit, each with the wrong value unless it may be secret. */
export function fieldErrors({ issues }: z.core.$ZodError, value: unknown): FieldError[] {
  return issues
    .slice(0, maxErrors)
    .flatMap((issue) => errorsOfIssue(issue, value))
    .slice(0, maxErrors);
}

function errorsOfIssue(issue: z.core.$ZodIssue, value: unknown): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, maxErrors).map((key) => ({
      path: pointer([...issue.path, key]),
      message: 'is not a known field',
    }));
  }
  return [{ path: pointer(issue.path), message: withValue(issue, value) }];
}

/** Puts the wrong value or entry name before the message, or after it when the message is a full sentence. */
function withValue(issue: z.core.$ZodIssue, root: unknown): string {
  const isKey = issue.code === 'invalid_key';
  const message = (isKey ? issue.issues[0]?.message : undefined) ?? issue.message;
  const name = issue.path.at(-1);
  const wrong = isKey
    ? shownValue(name)
    : mayShow(issue.path)
      ? shownValue(valueAt(root, issue.path))
      : undefined;
  if (wrong === undefined) return message;
  return /^[a-z]/.test(message) ? `${wrong} ${message}` : `${message}: ${wrong}`;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Readonly<Record<PropertyKey, unknown>>)[part];
  }
  return value;
}

/** Returns a JSON Pointer (RFC 6901). */
const pointer = (path: readonly PropertyKey[]) =>
  path
    .map((part) => `/${String(part).slice(0, maxShownKey).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
