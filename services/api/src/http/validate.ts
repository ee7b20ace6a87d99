import { brokenText, type FieldError, SlipwayError } from '@slipway/shared/errors';
import type { z } from 'zod';

/** What a schema makes of a value, or `request_invalid` (or a code that the schema names) with the errors of its fields. */
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
  const errors = fieldErrors(result.error);
  const code = issues.map(codeOfIssue).find((found) => found !== undefined) ?? 'request_invalid';
  const [first] = errors;
  const detail = first ? `${where}${first.path}: ${first.message}` : `The ${where} is not valid.`;
  throw new SlipwayError(code, detail, { errors });
}

/** Where the key stands that schemas pass over, so that a body would be taken that the OpenAPI document forbids. */
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

/** A body may have some hundred thousand unknown fields: more than some are of no use to anybody. */
const maxErrors = 100;
const maxShownKey = 128;

/** Returns what is wrong with which field, for the first hundred. */
export function fieldErrors({ issues }: z.core.$ZodError): FieldError[] {
  return issues.slice(0, maxErrors).flatMap(errorsOfIssue).slice(0, maxErrors);
}

function errorsOfIssue(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, maxErrors).map((key) => ({
      path: pointer([...issue.path, key]),
      message: 'is not a known field',
    }));
  }
  return [{ path: pointer(issue.path), message: issue.message }];
}

/** JSON Pointer (RFC 6901). */
const pointer = (path: readonly PropertyKey[]) =>
  path
    .map((part) => `/${String(part).slice(0, maxShownKey).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
