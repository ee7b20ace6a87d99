import { normalPlatform, parsePlatform, platformRule, repeatedPlatform } from '@slipway/shared/platforms';
import { InvalidArgumentError } from 'commander';

/** Parsers of option values for commander, which puts the option in front of their error messages. */

/** Parses `K=V`; the option may be repeated, and the last value wins. Without `=` the value comes from the environment, as with `docker build`. */
export function buildArgument(env: Readonly<Record<string, string | undefined>>) {
  return (text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> => {
    const at = text.indexOf('=');
    const name = at === -1 ? text : text.slice(0, at);
    const value = at === -1 ? env[name] : text.slice(at + 1);
    if (name === '') throw new InvalidArgumentError('It must be NAME=VALUE.');
    if (value === undefined) {
      throw new InvalidArgumentError('It must be NAME=VALUE, or the name of an environment variable.');
    }
    return { ...before, [name]: value };
  };
}

/** Parses build arguments. A repeated ADDITIONAL_PACKAGE keeps all packages, as with `faas-cli`, not only the last. */
export function packageArguments(env: Readonly<Record<string, string | undefined>>) {
  const parse = buildArgument(env);
  return (text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> => {
    const after = parse(text, before);
    const { ADDITIONAL_PACKAGE: packages } = before;
    if (packages === undefined || !/^ADDITIONAL_PACKAGE(?:=|$)/.test(text)) return after;
    return { ...after, ADDITIONAL_PACKAGE: `${packages} ${after.ADDITIONAL_PACKAGE}` };
  };
}

/** Parses `true` or `false` after `=`, as in Go's flags. */
export function truth(text: string): boolean {
  if (/^(?:true|1|t)$/i.test(text)) return true;
  if (/^(?:false|0|f)$/i.test(text)) return false;
  throw new InvalidArgumentError('It must be true or false.');
}

/** Collects the values of a repeated option. */
export const repeated = (text: string, before: readonly string[] = []): string[] => [...before, text];

/** Parses `K=V`; the option may be repeated. */
export function label(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be NAME=VALUE.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Parses a list; the option may be repeated, or its values separated by commas. */
export function list(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(',').map((item) => item.trim())].filter((item) => item !== '');
}

/** Parses platforms in any of Docker's spellings into normal form. The option may be repeated, or its values separated by commas. */
export function platforms(text: string, before: readonly string[] = []): string[] {
  const spelled = list(text);
  const odd = spelled.find((platform) => parsePlatform(platform) === undefined);
  if (odd !== undefined) throw new InvalidArgumentError(`${JSON.stringify(odd)} ${platformRule}.`);
  const repeated = repeatedPlatform([...before, ...spelled]);
  if (repeated !== undefined) throw new InvalidArgumentError(`It ${repeated}.`);
  return [...before, ...spelled.map(normalPlatform)];
}

/** Parses `90`, `90s`, `10m` or `1h30m` into seconds. */
export function seconds(text: string): number {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?$/.exec(text);
  const [hours, minutes, rest] = [1, 2, 3].map((group) => Number(match?.[group] ?? 0));
  const total = (hours ?? 0) * 3_600 + (minutes ?? 0) * 60 + (rest ?? 0);
  if (!match || total === 0) throw new InvalidArgumentError('It must be a time such as 90s, 10m or 1h30m.');
  return total;
}

export function whole({ min, max }: { min: number; max: number }) {
  return (text: string): number => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Parses the size of a wave: a number of functions, or a share such as `25%`. */
export function waveSize(text: string): number | string {
  if (/^(?:[1-9]\d?|100)%$/.test(text)) return text;
  const size = Number(text);
  if (!/^\d+$/.test(text) || size < 1) {
    throw new InvalidArgumentError('It must be a number of functions, or 1% to 100%.');
  }
  return size;
}
