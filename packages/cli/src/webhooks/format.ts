import type { Webhook } from '@slipway/client';
import { type WebhookFormatType, webhookFormat, webhookFormats } from '@slipway/shared/contracts';
import { type Command, Option } from 'commander';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';
import { vcsRepository } from '../vcs/vcs.js';

export interface FormatOptions {
  readonly format?: WebhookFormatType;
}
/** The values of all options, by name. */
type Given = FormatOptions & Readonly<Record<string, unknown>>;

const formatTypes = webhookFormats.map(({ type }) => type);

/** The settings of the formats, with their names. */
const settings = webhookFormats.flatMap(({ fields }) =>
  Object.entries(fields).map(([name, field]) => ({ ...field, name })),
);
const optionNames = [...new Set(settings.map(({ option }) => option))];

const formatsWith = (option: string): WebhookFormatType[] =>
  webhookFormats
    .filter(({ fields }) => Object.values(fields).some((field) => field.option === option))
    .map(({ type }) => type);

/** Returns `--status-name` for `statusName`. */
const flag = (option: string) => `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Returns the formats in alphabetical order. Writes `github_…` for all formats of a family, if it has several. */
function familiesOf(types: readonly WebhookFormatType[]): string[] {
  const families = types.map((type) => {
    const prefix = type.slice(0, type.indexOf('_') + 1);
    const family = formatTypes.filter((each) => prefix !== '' && each.startsWith(prefix));
    return family.length > 1 && family.every((each) => types.includes(each)) ? `${prefix}…` : type;
  });
  return [...new Set(families)].sort();
}

const alternatives = new Intl.ListFormat('en', { type: 'disjunction' });

/** The formats whose URL is the base of an API: `github_… or gitlab_…`, or `a, b, or c` for more than two. */
export const apiFormats = alternatives.format(
  familiesOf(webhookFormats.filter(({ target }) => target === 'api').map(({ type }) => type)),
);

/** Adds `--format` and the options of all formats. */
export function formatOptions(command: Command): Command {
  command.addOption(
    new Option('--format <format>', 'the format of messages; default: standard').choices(formatTypes),
  );
  for (const name of optionNames) {
    const field = settings.find(({ option }) => option === name);
    if (!field) continue;
    const text = `${familiesOf(formatsWith(name)).join(', ')}: ${field.help}`;
    const option = new Option(`${flag(name)} ${field.value}`, text);
    command.addOption(field.rule === 'repository' ? option.argParser(vcsRepository) : option);
  }
  return command;
}

/** Returns the format of the options, or undefined if none of them is about the format. Throws if they do not fit together. */
export function formatOf(options: FormatOptions): Webhook['format'] | undefined {
  const given: Given = { ...options };
  const named = optionNames.filter((option) => given[option] !== undefined);
  const type = given.format;
  if (type === undefined) {
    const [first] = named;
    if (first === undefined) return undefined;
    throw usage(`${flag(first)} needs --format`, `One of ${formatsWith(first).join(', ')}.`);
  }
  const fields = Object.entries(webhookFormat(type).fields);
  const stray = named.find((option) => !fields.some(([, field]) => field.option === option));
  if (stray !== undefined) {
    throw usage(
      `${flag(stray)} does not go with --format ${type}`,
      `It is for ${formatsWith(stray).join(', ')}.`,
    );
  }
  const missing = fields
    .filter(([, { required, option }]) => required && given[option] === undefined)
    .map(([, { option }]) => flag(option));
  if (missing.length > 0) {
    throw usage(
      `--format ${type} needs ${missing.join(' and ')}`,
      '`slipway webhooks create --help` describes each.',
    );
  }
  const values = fields.flatMap(([name, { option }]) =>
    given[option] === undefined ? [] : [[name, given[option]] as const],
  );
  return { type, ...Object.fromEntries(values) } as Webhook['format'];
}

const usage = (message: string, remedy: string) =>
  new CommandError({ message, remedy, exitCode: exitCodes.usage });
