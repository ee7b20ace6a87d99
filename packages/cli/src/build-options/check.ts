import type { JobRequest } from '@slipway/client';
import { buildOptions } from '@slipway/shared/contracts';

type BuildOption = keyof typeof buildOptions;

/** Returns true for a tag without a repository. */
export const isTagAlone = (text: string): boolean => /^\w[\w.-]{0,127}$/.test(text);

/** A problem of a value. For a map with an invalid name, `issues` has the reason. */
interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly issues?: readonly Issue[];
}

/** Returns the value of a build option in normal form, checked by the rules of the server. Calls `refuse` with the problem. */
export function checked<Option extends BuildOption>(
  option: Option,
  value: JobRequest[Option],
  refuse: (fault: string) => never,
): NonNullable<JobRequest[Option]> {
  const { data, error } = buildOptions[option].safeParse(value);
  const issue = error?.issues[0] as Issue | undefined;
  if (issue) refuse(faultOf(issue, value));
  return data as NonNullable<JobRequest[Option]>;
}

function faultOf({ path: [at], message, issues }: Issue, value: unknown): string {
  const why = issues?.[0];
  if (why) return `the name ${said(at, why.message)}`;
  const wrong = at === undefined ? value : (value as Readonly<Record<PropertyKey, unknown>>)[at];
  const what = typeof wrong === 'string' ? said(wrong, message) : message;
  return typeof at === 'string' ? `${at}: ${what}` : what;
}

/** Puts a value in front of a problem, which may be a sentence. */
const said = (value: unknown, message: string): string =>
  `${JSON.stringify(value)}${/^[a-z]/.test(message) ? '' : ':'} ${message}`;
