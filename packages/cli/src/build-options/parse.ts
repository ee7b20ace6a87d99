import { InvalidArgumentError } from 'commander';
import { label } from '../parse.js';
import { checked, isTagAlone } from './check.js';

/** Parsers of option values, for commander, which names the option in front of what they throw. */

const refuse = (fault: string): never => {
  throw new InvalidArgumentError(`${fault.slice(0, 1).toUpperCase()}${fault.slice(1)}.`);
};

type Texts = Readonly<Record<string, string>>;

/** An image reference, repeated. */
export function tag(text: string, before: readonly string[] = []): string[] {
  return [...before, ...checked('tags', [text], refuse)];
}

/** The tag alone of an image reference, repeated. */
export function extraTag(text: string, before: readonly string[] = []): string[] {
  if (isTagAlone(text)) return [...before, text];
  throw new InvalidArgumentError('It must be a tag alone: up to 128 letters, digits, `_`, `.` and `-`.');
}

export const dockerfile = (text: string): string => checked('dockerfile', text, refuse);
export const target = (text: string): string => checked('target', text, refuse);

/** `K=V`, repeated; a later one wins. */
export const imageLabel = (text: string, before?: Texts): Texts =>
  checked('image_labels', label(text, before), refuse);

/** `K=V`, repeated. The type that `docker buildx` puts in front may be `manifest:`, the only one that there is here. */
export function annotation(text: string, before?: Texts): Texts {
  const [, type, rest = text] =
    /^((?:manifest|index)(?:-descriptor)?(?:\[[^\]]*\])?(?:,[^:=]*)?):(.*)$/s.exec(text) ?? [];
  if (type !== undefined && type !== 'manifest') {
    throw new InvalidArgumentError(`Annotations are those of the manifest: write ${JSON.stringify(rest)}.`);
  }
  return checked('annotations', label(rest, before), refuse);
}
