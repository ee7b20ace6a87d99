import { isIgnored, linesOf, space } from '@slipway/shared/dockerfile';

/** A longer beginning of an instruction is none that could be told: see `mayMount`. */
const maxHead = 200;
const spaces = new RegExp(`${space}+`, 'g');
const runWithFlag = /^ ?(?:onbuild )*run --/i;
const onlyOnbuild = /^ ?(?:onbuild )+$/i;

/**
 * Whether a step of the Dockerfile may mount something: whether any RUN, in ONBUILD too, has a flag. buildah finds the layer of a step by its text
 * alone, so that such a layer holds the files, stages and secrets of an earlier build.
 *
 * Every line may begin an instruction here, and both escape characters continue one. So the answer is right whatever the parser of a release makes of
 * here-documents, directives and comments; at worst a build goes without cached layers.
 */
export function mayMount(dockerfile: string): boolean {
  const lines = linesOf(dockerfile);
  let below = '';
  for (let at = lines.length - 1; at >= 0; at--) {
    const line = lines[at] ?? '';
    if (isIgnored(line)) continue;
    const continued = /[\\`][ \t]*$/.exec(line);
    const head = continued ? line.slice(0, continued.index) + below : line;
    below = head.replace(spaces, ' ').slice(0, maxHead);
    if (runWithFlag.test(below) || (below.length === maxHead && onlyOnbuild.test(below))) return true;
  }
  return false;
}
