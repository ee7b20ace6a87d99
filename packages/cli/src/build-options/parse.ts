import { InvalidArgumentError } from 'commander';
import { label } from '../parse.js';
import { checked, isTagAlone } from './check.js';

/** Parsers of option values for commander, which puts the option in front of their error messages. */

const refuse = (fault: string): never => {
  throw new InvalidArgumentError(`${fault.slice(0, 1).toUpperCase()}${fault.slice(1)}.`);
};

type Texts = Readonly<Record<string, string>>;

/** Parses an image reference; the option may be repeated. */
export function tag(text: string, before: readonly string[] = []): string[] {
  return [...before, ...checked('tags', [text], refuse)];
}

/** Parses the tag of an image reference; the option may be repeated. */
export function extraTag(text: string, before: readonly string[] = []): string[] {
  if (isTagAlone(text)) return [...before, text];
  throw new InvalidArgumentError('It must be a tag alone: up to 128 letters, digits, `_`, `.` and `-`.');
}

export const dockerfile = (text: string): string => checked('dockerfile', text, refuse);
export const target = (text: string): string => checked('target', text, refuse);

/** Parses `K=V`; the option may be repeated, and the last value wins. */
export const imageLabel = (text: string, before?: Texts): Texts =>
  checked('image_labels', label(text, before), refuse);

/** Parses `K=V`; the option may be repeated. `docker buildx` allows a type in front; only `manifest:` is supported. */
export function annotation(text: string, before?: Texts): Texts {
  const [, type, rest = text] =
    /^((?:manifest|index)(?:-descriptor)?(?:\[[^\]]*\])?(?:,[^:=]*)?):(.*)$/s.exec(text) ?? [];
  if (type !== undefined && type !== 'manifest') {
    throw new InvalidArgumentError(`Annotations are those of the manifest: write ${JSON.stringify(rest)}.`);
  }
  return checked('annotations', label(rest, before), refuse);
}
