import { canonicalImage } from '@slipway/shared/contracts';
import { type Arg, DockerfileParser, type From } from 'dockerfile-ast';
import { expandVariables } from './expand.js';

/** A word longer than this names no image, and variables make words out of words. */
const maxWord = 4_096;
const maxStages = 256;

/**
 * The images that the stages of a Dockerfile begin from, in canonical spelling, each once and in order. Build arguments count as
 * they do for FROM: those that are declared before the first stage, with what was given for them or else their default. Left
 * out are `scratch`, earlier stages, and what depends on a value that only the builder knows.
 */
export function parseBaseImages(dockerfile: string, buildArgs: Readonly<Record<string, string>>): string[] {
  const parsed = DockerfileParser.parse(dockerfile);
  const values = globalArgs(parsed.getInitialARGs(), buildArgs);
  const stages = new Set<string>();
  const images = new Set<string>();
  for (const from of parsed.getFROMs().slice(0, maxStages)) {
    const word = imageOf(from, values);
    const image = word === undefined || isStage(word, stages) ? undefined : canonicalImage(word);
    if (image !== undefined) images.add(image);
    const name = from.getBuildStage();
    if (name !== null) stages.add(name.toLowerCase());
  }
  return [...images];
}

function isStage(word: string, stages: ReadonlySet<string>): boolean {
  return word === 'scratch' || stages.has(word.toLowerCase());
}

function imageOf(from: From, values: ReadonlyMap<string, string>): string | undefined {
  const word = from.getImage();
  if (word === null || word.length > maxWord) return undefined;
  return expandVariables(word.replaceAll(/["']/g, ''), values);
}

function globalArgs(args: readonly Arg[], given: Readonly<Record<string, string>>): Map<string, string> {
  const values = new Map<string, string>();
  for (const property of args.flatMap((arg) => arg.getProperties())) {
    const name = property.getName();
    const word = property.getValue();
    const value = Object.hasOwn(given, name) ? given[name] : word !== null && defaultOf(word, values);
    // What a default depends on may be unknown; then so is the argument.
    if (typeof value === 'string' && value.length <= maxWord) values.set(name, value);
    else if (word !== null) values.delete(name);
  }
  return values;
}

const defaultOf = (word: string, values: ReadonlyMap<string, string>) =>
  word.length > maxWord ? undefined : expandVariables(word, values);
