import type { Webhook } from '@slipway/client';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

type WebhookFormat = Webhook['format'];
type FormatType = WebhookFormat['type'];

export interface FormatOptions {
  readonly format?: FormatType;
  readonly formatToken?: string;
  readonly context?: string;
  readonly repo?: string;
  readonly eventType?: string;
  readonly project?: string;
  readonly statusName?: string;
  readonly ref?: string;
}

/** The options of formats, with the field that each sets. */
const options = {
  formatToken: { flag: '--format-token', field: 'token' },
  context: { flag: '--context', field: 'context' },
  repo: { flag: '--repo', field: 'repo' },
  eventType: { flag: '--event-type', field: 'event_type' },
  project: { flag: '--project', field: 'project' },
  statusName: { flag: '--status-name', field: 'name' },
  ref: { flag: '--ref', field: 'ref' },
} as const;
type OptionName = keyof typeof options;

const takes: Readonly<Record<FormatType, Partial<Record<OptionName, 'required' | 'optional'>>>> = {
  standard: {},
  jenkins: { formatToken: 'optional' },
  github_commit_status: { formatToken: 'required', context: 'optional' },
  github_dispatch: { formatToken: 'required', repo: 'optional', eventType: 'optional' },
  gitlab_commit_status: { formatToken: 'required', project: 'optional', statusName: 'optional' },
  gitlab_pipeline: { formatToken: 'required', project: 'required', ref: 'required' },
};
export const formatTypes = Object.keys(takes) as FormatType[];

/** Returns the format of the options, or undefined when none is about the format. Throws when they do not fit together. */
export function formatOf(given: FormatOptions): WebhookFormat | undefined {
  const named = (Object.keys(options) as OptionName[]).filter((name) => given[name] !== undefined);
  const type = given.format;
  if (type === undefined) {
    const [first] = named;
    if (first === undefined) return undefined;
    throw usage(`${options[first].flag} needs --format`, `One of ${formatsWith(first).join(', ')}.`);
  }
  const stray = named.find((name) => takes[type][name] === undefined);
  if (stray !== undefined) {
    throw usage(
      `${options[stray].flag} does not go with --format ${type}`,
      `It is for ${formatsWith(stray).join(', ')}.`,
    );
  }
  const wanted = (Object.keys(takes[type]) as OptionName[]).filter(
    (name) => takes[type][name] === 'required',
  );
  const missing = wanted.filter((name) => given[name] === undefined).map((name) => options[name].flag);
  if (missing.length > 0) {
    throw usage(
      `--format ${type} needs ${missing.join(' and ')}`,
      '`slipway webhooks create --help` describes each.',
    );
  }
  const fields = named.map((name) => [options[name].field, given[name]]);
  return { type, ...Object.fromEntries(fields) } as WebhookFormat;
}

const formatsWith = (name: OptionName): FormatType[] =>
  formatTypes.filter((type) => takes[type][name] !== undefined);

const usage = (message: string, remedy: string) =>
  new CommandError({ message, remedy, exitCode: exitCodes.usage });
